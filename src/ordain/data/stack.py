"""Rows of several frames, one below the other, after their columns were compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError
from ordain.data.table import ReadReport

DAMAGED = "\n  Fix: write the file again: it is damaged, or was cut off"


@dataclass(frozen=True)
class Stacked:
    """Frames put together, and what had to be changed for it."""

    frame: pl.LazyFrame
    problems: tuple[dict[str, Any], ...] = ()


def stack_frames(frames: Mapping[str, pl.LazyFrame], *, is_strict: bool = True) -> Stacked:
    """Return the rows of all frames, in the order given, with the columns of the first.

    A column whose type differs takes the type that holds all its values (number for whole and
    broken numbers, text for anything else), which is reported.

    Args:
        frames: name, for messages, to frame.
        is_strict: whether a column that some frames lack is an error; else it is left out and
            reported.

    Raises:
        DataError: columns differ; each is named with the frames that lack it.
    """
    names = list(frames)
    if len(names) == 1:
        return Stacked(frames[names[0]])
    schemas = {name: frame.collect_schema() for name, frame in frames.items()}
    problems: list[dict[str, Any]] = []
    every = list(dict.fromkeys(column for schema in schemas.values() for column in schema))
    lacking = {
        column: [name for name in names if column not in schemas[name]]
        for column in every
        if any(column not in schemas[name] for name in names)
    }
    if lacking and is_strict:
        raise DataError(_differ(lacking, len(names)))
    for column, where in lacking.items():
        problems.append(
            {
                "kind": "column_left_out",
                "count": 1,
                "column": column,
                "examples": where[:3],
                "fix": "the column is not in every file and is left out",
            }
        )
    shared = [column for column in every if column not in lacking]
    casts: dict[str, pl.DataType] = {}
    for column in shared:
        kinds = list(dict.fromkeys(schemas[name][column] for name in names))
        if len(kinds) > 1:
            casts[column] = _common_type(kinds)
            problems.append(
                {
                    "kind": "types_differ",
                    "count": 1,
                    "column": column,
                    "examples": [
                        {"file": name, "type": str(schemas[name][column])} for name in names[:3]
                    ],
                    "fix": f"read as {casts[column]} in all of them",
                }
            )
    parts = [
        frames[name].select(
            pl.col(column).cast(casts[column]) if column in casts else pl.col(column)
            for column in shared
        )
        for name in names
    ]
    return Stacked(pl.concat(parts, how="vertical"), tuple(problems))


def stack_files(
    paths: Sequence[Path], scan: Callable[[Path], pl.LazyFrame], *, source: str, kind: str
) -> tuple[pl.LazyFrame, ReadReport]:
    """Return the rows of files that are read in place, by column, and what reading found.

    Args:
        paths: of the files, in order.
        scan: opens one of them.
        source: as the user gave it.
        kind: of the files, as messages name it; its first word is the report's format.

    Raises:
        DataError: a file is damaged or of another kind, columns differ, or there is no row.
    """
    try:
        stacked = stack_frames({path.name: scan(path) for path in paths})
        n_rows = int(stacked.frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"'{source}' is not valid {kind}: {error}{DAMAGED}") from error
    if not n_rows:
        raise DataError(f"'{source}' has no rows")
    report = ReadReport(
        source=source,
        format=kind.partition(" ")[0].lower(),
        details={"files": len(paths)},
        n_rows=n_rows,
        problems=stacked.problems,
    )
    return stacked.frame, report


def _common_type(kinds: list[pl.DataType]) -> pl.DataType:
    present = [kind for kind in kinds if kind != pl.Null()]
    if len(present) == 1:
        return present[0]
    if all(kind.is_integer() for kind in present):
        return pl.Int64()
    if all(kind.is_numeric() for kind in present):
        return pl.Float64()
    return pl.String()


def _differ(lacking: Mapping[str, list[str]], n_frames: int) -> str:
    rows = []
    for column, where in list(lacking.items())[:10]:
        shown = ", ".join(f"'{name}'" for name in where[:3])
        rest = f" and {len(where) - 3} more" if len(where) > 3 else ""  # noqa: PLR2004
        rows.append(f"  `{column}` is not in {shown}{rest}")
    more = f"\n  ... and {len(lacking) - 10} more columns" if len(lacking) > 10 else ""  # noqa: PLR2004
    return (
        f"the {n_frames} files do not have the same columns:\n" + "\n".join(rows) + more + "\n"
        "  Fix: read files of one kind only, by a narrower glob"
    )
