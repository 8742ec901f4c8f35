"""Rows of one request by the version that answers them, and their answers put together again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.serving.contracts import Choice, Status
from ordain.serving.door import Flag
from ordain.serving.served import Served


@dataclass(frozen=True)
class Part:
    """Rows of a request that one version answers.

    Attributes:
        served: whose answers they are; that of the fallback where a version answers for another.
        marks: what was unusual about each row; None where nothing was.
        places: of the rows in the request; None for all of them.
        status: where not ``answered``, the answers are those of the fallback.
        error_id: of the error that the server's own log tells more of.
    """

    choice: Choice
    served: Served
    rows: pl.DataFrame
    answers: pl.DataFrame
    flags: tuple[Flag, ...] = ()
    marks: pl.Series | None = None
    places: Sequence[int] | None = None
    status: Status = "answered"
    error_id: str | None = None


def joined(parts: Sequence[Part]) -> tuple[pl.DataFrame, list[str]]:
    """Return all answers in the order of the request, and the version of each row."""
    frames = [_marked(part) for part in parts]
    if len(parts) == 1:
        only = parts[0]
        return frames[0], [only.choice.version] * only.answers.height
    places = pl.Series([place for part in parts for place in part.places or ()])
    order = places.arg_sort()
    answers = pl.concat(frames, how="diagonal")[order]
    versions = [part.choice.version for part in parts for _ in part.places or ()]
    return answers, [versions[int(at)] for at in order]


def written(parts: Sequence[Part], prediction_id: str, *, is_arrow: bool) -> bytes:
    """Return all answers with their ids and versions, as an Arrow stream or a CSV file."""
    answers, versions = joined(parts)
    ids = pl.format(f"{prediction_id}-{{}}", pl.int_range(pl.len()))
    is_one = len(parts) == 1
    version = pl.lit(versions[0]) if is_one else pl.lit(pl.Series(versions))
    answers = answers.with_columns(ids.alias("prediction_id"), version.alias("version"))
    body = io.BytesIO()
    if is_arrow:
        answers.write_ipc_stream(body)
    else:
        _flat_lists(answers).write_csv(body)
    return body.getvalue()


def _marked(part: Part) -> pl.DataFrame:
    """Return the answers of a part; those of a fallback say why."""
    if part.status == "answered":
        return part.answers
    return part.answers.with_columns(pl.lit(part.status).alias("fallback"))


def fallback_of(answers: pl.DataFrame) -> dict[str, Any]:
    """Return why answers are those of the fallback: of all rows, or of each; nothing mostly."""
    if "fallback" not in answers.columns:
        return {}
    told = answers["fallback"].to_list()
    return {"fallback": told[0] if len(set(told)) == 1 else told}


def flags_of(parts: Sequence[Part]) -> dict[str, Any]:
    """Return what was unusual about all rows, under `flags`; nothing mostly."""
    flags = [flag for part in parts for flag in part.flags]
    return {"flags": flags} if flags else {}


def _flat_lists(answers: pl.DataFrame) -> pl.DataFrame:
    """Return the answers with lists as text, which CSV can hold."""
    lists = [name for name, dtype in answers.schema.items() if isinstance(dtype, pl.List)]
    return answers.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join("|"))
