"""Slices by tag: rows that a person, or another program, has marked in a file of its own.

    evaluation: {slices: [{tags: hard_cases.csv}]}

The file has a column `tag` and one or more columns of the data that say which rows bear it, such as
`customer_id,tag`; a row may have any number of tags, and each tag makes a slice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ordain.core.errors import DataError
from ordain.evaluation.slices.cuts import Cut

TAG = "tag"
_PLACE = "__place__"


def cut_tags(frame: pl.DataFrame, tags: pl.DataFrame, *, file: str, group: str = "") -> list[Cut]:
    """Return a slice for each tag, the most frequent first.

    Args:
        frame: N rows.
        tags: of the file.
        file: its name, for messages.
        group: what the slices are called together; by default `tag`.

    Raises:
        DataError: the file has no column `tag`, or no other column that the rows have.
    """
    keys = [name for name in tags.columns if name != TAG and name in frame.columns]
    if TAG not in tags.columns or not keys:
        raise DataError(
            f"`evaluation.slices`: {file} has the columns {', '.join(tags.columns) or 'none'}\n"
            f"  Fix: give it a column `{TAG}`, and columns of the data that tell the rows, such as "
            f"`{frame.columns[0]}`"
        )
    return list(_cuts(frame, tags, keys, group or TAG))


def _cuts(frame: pl.DataFrame, tags: pl.DataFrame, keys: list[str], group: str) -> Iterator[Cut]:
    # Keys are compared as texts: a number that CSV read in another width is the same key.
    rows = frame.select(pl.col(keys).cast(pl.String)).with_row_index(_PLACE)
    marks = tags.select(pl.col([*keys, TAG]).cast(pl.String)).drop_nulls(TAG).unique()
    found = rows.join(marks, on=keys, how="inner")
    counts = found[TAG].value_counts().sort(["count", TAG], descending=[True, False])
    known = [*counts[TAG].to_list(), *sorted(set(marks[TAG]) - set(counts[TAG]))]
    for tag in known:
        mask = np.zeros(frame.height, dtype=np.bool_)
        mask[found.filter(pl.col(TAG) == tag)[_PLACE].to_numpy()] = True
        yield Cut(f"{group} = {tag}", group, "", mask, tag)
