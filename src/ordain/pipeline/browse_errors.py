"""Errors of a run, tagged by hand: what goes wrong, what kind it is, what mending it would bring.

    ordain errors RUN --tag 17="wrong label" --tag 42="wrong label"

Tags stand in `tags.csv` of the run folder: a line for each row and tag, with the position of the
row in the table that was read. A row may have several. A tag is a slice: it is judged by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.core.files import atomic_file, read_json
from ordain.evaluation.errors import ErrorAnalysis
from ordain.evaluation.findings import Findings
from ordain.evaluation.losses import NAMES, Floats, predicted_class, row_losses
from ordain.evaluation.slices.cuts import Cut
from ordain.evaluation.slices.judged import SliceJudgement, judge_slices
from ordain.evaluation.subject import Target
from ordain.pipeline.result import Result
from ordain.store.home import home as work_folder
from ordain.store.predictions import Predictions, read_predictions
from ordain.store.runs import Run, Runs

FILE = "tags.csv"
ROW, TAG = "row", "tag"


@dataclass(frozen=True)
class TagShare:
    """What the rows of one tag amount to.

    Attributes:
        n_rows: tagged, of those the run keeps predictions of.
        n_wrong: of them, answered wrongly; None for numbers.
        share: of the summed loss of all rows.
        mean_without: mean loss of all rows, were those of the tag without any: the best that
            mending them can bring.
    """

    tag: str
    n_rows: int
    n_wrong: int | None
    share: float
    mean_without: float


@dataclass(frozen=True)
class ErrorBook:
    """The errors of one output, with the tags that people gave.

    Attributes:
        mean_loss: of all judged rows.
        tags: by row, in the order they were given.
        shares: the tag with the greatest share first.
        slices: each tag judged against all other rows.
    """

    run: str
    analysis: ErrorAnalysis
    mean_loss: float
    tags: Mapping[int, tuple[str, ...]]
    shares: tuple[TagShare, ...]
    slices: tuple[SliceJudgement, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The worst rows, the worst first, with a column to write tags into.

        Columns: row, tag (several parted by ``;``), truth, prediction, probability, loss,
        is_suspect, group (in words), then the inputs.
        """
        groups = self.analysis.groups
        return pl.DataFrame(
            [
                {
                    ROW: one.row,
                    TAG: "; ".join(self.tags.get(one.row, ())),
                    "truth": str(one.truth),
                    "prediction": str(one.prediction),
                    "probability": one.probability,
                    "loss": one.loss,
                    "is_suspect": one.is_suspect,
                    "group": "" if one.group is None else groups[one.group].shared,
                    **{f"input {name}": value for name, value in one.values.items()},
                }
                for one in self.analysis.worst
            ],
            infer_schema_length=None,
            strict=False,
        )

    def write_csv(self, path: Path) -> None:
        """Write `frame` for a spreadsheet; `tags_from` reads the tags back.

        Raises:
            StoreError: the file cannot be written.
        """
        with atomic_file(path) as file:
            self.frame.write_csv(file)

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())

    def to_json(self) -> dict[str, Any]:
        """Return what `errors --json` prints."""
        return {
            "run": self.run,
            **self.analysis.to_json(),
            "mean_loss": self.mean_loss,
            "tags": {str(row): list(tags) for row, tags in self.tags.items()},
            "by_tag": [vars(one) for one in self.shares],
            "slices": [one.to_json() for one in self.slices],
        }


def browse_errors(
    run: str | Path | Run | Result,
    *,
    output: str | None = None,
    tags: Mapping[int, str] | Sequence[tuple[int, str]] = (),
    home: Path | str | None = None,
) -> ErrorBook:
    """Return the errors of a run's output, after adding tags to rows.

    Args:
        run: a result, or what commands take for RUN.
        output: by default the first.
        tags: to add, by row: the position in the table that was read, as the table of errors has
            it. An empty tag takes all tags of the row away.
        home: the work folder.

    Raises:
        UsageError: no such run, output or row, or the run keeps no findings.
        DataError: `tags.csv` of the run is no table of rows and tags.
    """
    found = _run(run, home)
    path = found.folder / "findings.json"
    if not path.exists():
        raise UsageError(f"run {found.reference} keeps no findings\n  Fix: train it again")
    analyses = Findings.model_validate(read_json(path)).errors
    kept = read_predictions(found)
    name = _output(output, list(analyses))
    given = list(tags.items()) if isinstance(tags, Mapping) else list(tags)
    if given:
        _check_rows([row for row, _ in given], kept)
        write_tags(found, with_tags(read_tags(found), given))
    known = read_tags(found)
    target = kept.targets[name]
    losses = row_losses(target)
    cuts = _cuts(known, kept)
    return ErrorBook(
        run=found.reference,
        analysis=analyses[name],
        mean_loss=float(np.nanmean(losses)),
        tags=known,
        shares=tuple(
            sorted((_share(cut, target, losses) for cut in cuts), key=lambda one: -one.share)
        ),
        slices=judge_slices(target, cuts) if cuts else (),
    )


def read_tags(run: Run) -> dict[int, tuple[str, ...]]:
    """Return the tags of a run by row; empty where none are given.

    Raises:
        DataError: the file was edited into something else.
    """
    path = run.folder / FILE
    return tags_from(path) if path.exists() else {}


def tags_from(path: Path) -> dict[int, tuple[str, ...]]:
    """Return tags by row from a CSV with the columns `row` and `tag`; others are left aside.

    Raises:
        DataError: the columns are not there, or a row is no whole number.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    for column in (ROW, TAG):
        if column not in frame.columns:
            raise DataError(f"{path} has no column `{column}`\n  Fix: a line for each row and tag")
    rows = frame[ROW].cast(pl.Int64, strict=False)
    if rows.null_count():
        bad = frame[ROW].filter(rows.is_null())[0]
        raise DataError(f"{path}: '{bad}' in the column `{ROW}` is no position of a row")
    tags: dict[int, tuple[str, ...]] = {}
    for row, text in zip(rows, frame[TAG].fill_null(""), strict=True):
        own = [tag.strip() for tag in text.split(";") if tag.strip()]
        if own:
            tags[row] = tuple(dict.fromkeys([*tags.get(row, ()), *own]))
    return tags


def write_tags(run: Run, tags: Mapping[int, Sequence[str]]) -> None:
    """Write `tags.csv` of a run, a line for each row and tag, by row.

    Raises:
        StoreError: the file cannot be written.
    """
    pairs = [(row, tag) for row in sorted(tags) for tag in tags[row]]
    schema = {ROW: pl.Int64, TAG: pl.String}
    with atomic_file(run.folder / FILE) as file:
        pl.DataFrame(pairs, schema=schema, orient="row").write_csv(file)


def with_tags(
    known: Mapping[int, tuple[str, ...]], given: Sequence[tuple[int, str]]
) -> dict[int, tuple[str, ...]]:
    """Return tags with others added; an empty one takes the tags of its row away."""
    tags = dict(known)
    for row, tag in given:
        if tag.strip():
            tags[row] = tuple(dict.fromkeys([*tags.get(row, ()), tag.strip()]))
        else:
            tags.pop(row, None)
    return tags


def _run(reference: str | Path | Run | Result, home: Path | str | None) -> Run:
    if isinstance(reference, Result):
        return reference.run
    if isinstance(reference, Run):
        return reference
    return Runs(work_folder(home)).find(str(reference))


def _output(wanted: str | None, known: Sequence[str]) -> str:
    if wanted is None and known:
        return known[0]
    if wanted is None or wanted not in known:
        close = nearest(wanted or "", known)
        hint = f"; nearest: '{close}'" if close else ""
        raise UsageError(
            f"there are no errors of an output '{wanted}'{hint}\n"
            f"  Possible: {', '.join(known) or 'none'}"
        )
    return wanted


def _check_rows(rows: Sequence[int], kept: Predictions) -> None:
    there = set(kept.rows.tolist())
    absent = [row for row in rows if row not in there]
    if absent:
        raise UsageError(
            f"row {absent[0]} is not among the {len(kept):,} judged rows of `{kept.set}`\n"
            "  Fix: take the number of a row that `ordain errors` shows"
        )


def _cuts(tags: Mapping[int, tuple[str, ...]], kept: Predictions) -> list[Cut]:
    """Return a slice for each tag, over the rows that are kept."""
    names = dict.fromkeys(tag for own in tags.values() for tag in own)
    found = []
    for name in names:
        rows = np.isin(kept.rows, [row for row, own in tags.items() if name in own])
        if rows.any():
            found.append(Cut(name, "tag", "", rows))
    return found


def _share(cut: Cut, target: Target, losses: Floats) -> TagShare:
    known = target.is_judged
    rows = cut.rows & known
    total, own = float(np.nansum(losses)), float(np.nansum(losses[rows]))
    wrong = None
    if target.type in NAMES and target.type != "number":
        wrong = int((predicted_class(target)[rows] != target.truth[rows]).sum())
    return TagShare(
        tag=cut.name,
        n_rows=int(rows.sum()),
        n_wrong=wrong,
        share=own / total if total else 0.0,
        mean_without=(total - own) / max(1, int(known.sum())),
    )
