"""Whether an export answers as its bundle does: golden rows, and rows made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import StoreError
from ordain.core.events import Events
from ordain.store.bundle import GOLDEN
from ordain.store.model import Model

_NEVER_SEEN = "\u00acnever seen in training"
_FAR = 1e6
_N_WORDS = 300


@dataclass(frozen=True)
class Difference:
    """How far answers are from the bundle's.

    Attributes:
        n_rows: that were compared.
        largest: of all numbers, as a share of 1 + its size.
        column: that has it.
        n_labels: predictions that are another label, though within the tolerance of a tie.
    """

    n_rows: int
    largest: float = 0.0
    column: str = ""
    n_labels: int = 0


def check_rows(model: Model) -> pl.DataFrame:
    """Return the golden rows, then rows of them in which a cell is missing, unseen or far off."""
    assert model.path is not None, "an export begins with a bundle"
    golden = pl.read_parquet(model.path / GOLDEN).select(model.input_columns)
    if golden.height == 0 or model.depends_on_order:
        return golden
    first = golden.head(1)
    made = [golden]
    for feature in model.document.inputs:
        if feature.column not in golden.columns:
            continue
        encoding, dtype = model.encodings[feature.name], golden[feature.column].dtype
        values: list[object] = []
        if getattr(encoding, "on_missing", "fill") != "error":
            values.append(None)
        if dtype == pl.String and getattr(encoding, "on_unseen", "id") != "error":
            values.append(_NEVER_SEEN)
        if dtype.is_float():
            values += [-_FAR, 0.0, _FAR]
        if feature.type in {"text", "sequence"} and dtype == pl.String:
            values.append(_long_text(golden[feature.column]))
        made += [
            first.with_columns(pl.Series(feature.column, [value], dtype=dtype)) for value in values
        ]
    return pl.concat(made)


def _long_text(texts: pl.Series) -> str:
    """Return words of the golden rows, more of them than most texts have."""
    words = " ".join(texts.drop_nulls()).split() or [_NEVER_SEEN]
    return " ".join((words * (1 + _N_WORDS // len(words)))[:_N_WORDS])


def compare(
    model: Model,
    rows: pl.DataFrame,
    answers: pl.DataFrame,
    *,
    tolerance: float,
    left_out: Sequence[str] = (),
) -> Difference:
    """Return how far the answers to rows are from the model's own.

    Raises:
        StoreError: an answer is missing, or differs by more than the tolerance.
    """
    expected = model.predict(rows, events=Events()) if rows.height else model.predict(rows)
    absent = [n for n in expected.columns if n not in answers.columns and n not in left_out]
    if absent or answers.height != expected.height:
        raise StoreError(f"the export gives no `{', '.join(absent)}` for {rows.height} rows")
    largest, column, n_labels = 0.0, "", 0
    for name in expected.columns:
        if name not in answers.columns:
            continue
        own, found = expected[name], answers[name]
        if own.dtype.is_float():
            off = _distances(own, found)
            worst = float(off.max(initial=0.0))
            if worst > tolerance:
                raise _refused(name, own, found, int(off.argmax()))
            if worst > largest:
                largest, column = worst, name
        else:
            is_other = found.cast(own.dtype).ne_missing(own)
            is_tie = _is_tie(model, name, expected, tolerance)
            if bool((is_other & ~is_tie).any()):
                raise _refused(name, own, found, int((is_other & ~is_tie).arg_true()[0]))
            n_labels += int(is_other.sum())
    return Difference(rows.height, largest, column, n_labels)


def _distances(own: pl.Series, found: pl.Series) -> npt.NDArray[np.float64]:
    a = own.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    b = found.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    off = np.abs(a - b) / (1.0 + np.abs(a))
    both = np.isnan(a) & np.isnan(b)
    return np.where(both | (a == b), 0.0, np.where(np.isnan(off), np.inf, off))


def _is_tie(model: Model, name: str, expected: pl.DataFrame, tolerance: float) -> pl.Series:
    """Return where a label hangs on less than the tolerance."""
    output = next(
        f for f in model.document.output_features
        if name in {f"{f.name}_{end}" for end in ("prediction", "is_answered", "set")}
    )  # fmt: skip
    prefix = f"{output.name}_probability_"
    shares = expected.select(n for n in expected.columns if n.startswith(prefix)).to_numpy()
    if output.type == "binary":
        threshold = float(getattr(model.encodings[output.name], "threshold", 0.5))
        gap = np.abs(shares[:, 1] - threshold)
    else:
        ranked = np.sort(shares, axis=1)
        gap = ranked[:, -1] - ranked[:, -2] if shares.shape[1] > 1 else np.ones(len(shares))
    made = model.decisions.get(output.name)
    if name == f"{output.name}_set" and made is not None and made.coverage is not None:
        least = made.coverage.least_probability or 0.0
        gap = np.minimum(gap, np.abs(shares - least).min(axis=1))
    if made is not None and made.answer_from is not None:
        confidence = expected[f"{output.name}_probability"].to_numpy()
        gap = np.minimum(gap, np.abs(confidence - made.answer_from))
    return pl.Series(gap <= 2 * tolerance)


def _refused(name: str, own: pl.Series, found: pl.Series, row: int) -> StoreError:
    return StoreError(
        f"the export gives `{name}` {found[row]!r} where the bundle gives {own[row]!r} (row {row} "
        "of those it is checked by); it is refused and nothing is written\n"
        "  Fix: allow more with -o tolerance=NUMBER, or export to another format"
    )
