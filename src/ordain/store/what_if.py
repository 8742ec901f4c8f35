"""What if: the answers for a row with some of its cells changed, as prediction gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.evaluation.explain.counterfactual import Change, Counterfactual
from ordain.store.model import Model

NOTHING = "no answer"


def what_if(
    model: Model, row: pl.DataFrame, changes: Mapping[str, Any], *, row_id: int
) -> tuple[dict[str, Counterfactual], list[str]]:
    """Return the answer for a changed row by output, and what is unusual about that row.

    Derived columns are computed again from what was changed.

    Args:
        model: that answers.
        row: one row with the columns that the model reads.
        changes: by input; None, or no text, makes a cell missing.
        row_id: what the row is called.

    Raises:
        UsageError: there is no such input, or a value is none of its type.
    """
    own = row.select(model.input_columns)
    columns = {feature.name: feature.column for feature in model.document.inputs}
    places = {name: _column(model, columns.get(name, name), name) for name in changes}
    cells = {name: _cell(own[places[name]], value, name) for name, value in changes.items()}
    changed = own.with_columns(list(cells.values()))
    before, after = model.predict(own), model.predict(changed)
    told = tuple(
        Change(input=name, before=_plain(own[places[name]][0]), after=_plain(cell[0]))
        for name, cell in cells.items()
    )
    found = {}
    for feature in model.document.output_features:
        prediction = f"{feature.name}_prediction"
        probability = f"{feature.name}_probability"
        found[feature.name] = Counterfactual(
            row=row_id,
            before=_spoken(before[prediction][0]),
            after=_spoken(after[prediction][0]),
            probability=after[probability][0] if probability in after.columns else None,
            changes=told,
        )
    return found, [f"with these changes {note}" for note in model.unusual(changed)]


def _column(model: Model, column: str, name: str) -> str:
    """Return the column that a changed input is read from."""
    if column in model.input_columns:
        return column
    known = model.input_columns
    if column in model.document.data.columns:
        raise UsageError(
            f"`{name}` is computed from other columns\n  Fix: change one of {', '.join(known)}"
        )
    close = nearest(name, known)
    hint = f"; nearest: `{close}`" if close else ""
    raise UsageError(f"`{name}` is no input of the model{hint}\n  Possible: {', '.join(known)}")


def _cell(given: pl.Series, value: Any, name: str) -> pl.Series:
    """Return a column of one cell with the value, in the type of the column as it was read."""
    if value is None or value == "":
        return pl.Series(given.name, [None], dtype=given.dtype)
    if given.dtype == pl.Null():
        return pl.Series(given.name, [value])
    text = pl.Series(given.name, [str(value)])
    if given.dtype.is_integer():
        found = text.cast(pl.Float64, strict=False)
        is_whole = found[0] is not None and float(found[0]).is_integer()
        found = found.cast(given.dtype) if is_whole else found
    elif given.dtype.is_temporal():
        found = text.str.to_datetime(strict=False).cast(given.dtype, strict=False)
    else:
        found = text.cast(given.dtype, strict=False)
    if found[0] is None:
        raise UsageError(f"'{value}' is no value for `{name}`, which holds {_kind(given.dtype)}")
    return found


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "numbers"
    return "dates" if dtype.is_temporal() else str(dtype)


def _spoken(value: Any) -> str | float:
    if value is None:
        return NOTHING
    return float(value) if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
