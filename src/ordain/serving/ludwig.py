"""The two routes of Ludwig's server, so that its clients work: forms in, flat names out.

`POST /predict` takes a form with a field for each column and gives one row; `POST /batch_predict`
takes a form whose `dataset` is a table as JSON (`columns`, `data`, perhaps `index`) and gives one.
They are there where one model is served. Names of the answer are Ludwig's: `<output>_predictions`,
`<output>_probability`, `<output>_probabilities_<class>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from ordain.serving.batches import Batches
from ordain.serving.call import Call, Route
from ordain.serving.ids import new_id
from ordain.serving.kit import Kit
from ordain.serving.parts import joined
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.wire import encode

_FORMS = frozenset({b"multipart/form-data", b"application/x-www-form-urlencoded"})
_MOST_FIELDS = 10_000
Cell = None | bool | int | float | str


class Table(msgspec.Struct):
    """A table as pandas writes it with `orient="split"`."""

    columns: list[str]
    data: list[list[Cell]]
    index: list[Cell] | None = None


class Ludwig:
    """The routes of Ludwig's server."""

    def __init__(self, kit: Kit, batches: Batches) -> None:
        self._kit, self._batches = kit, batches

    def routes(self) -> Iterator[Route]:
        """Yield the routes where one model is served, and none where there are more."""
        names = list(self._kit.state().versions)
        if len(names) != 1:
            return
        most = self._kit.deployment.limits.body_bytes
        for path, endpoint in (("/predict", self.one), ("/batch_predict", self.many)):
            yield Route("POST", path, endpoint, "predict", names[0], path, most, refuse)

    async def one(self, call: Call) -> Reply:
        """Answer one row given as a form."""
        form = await _form(call, self._kit.deployment.limits.string_chars)
        cells = {name: str(value) for name, value in form.items()}
        frame = pl.DataFrame({name: [cell] for name, cell in cells.items()})
        answers = await self._answers(call, frame)
        return Reply(encode(answers.row(0, named=True)))

    async def many(self, call: Call) -> Reply:
        """Answer a table given as a field of a form."""
        form = await _form(call, self._kit.deployment.limits.body_bytes)
        table = _table(str(form.get("dataset", "")))
        columns = {
            name: [row[place] for row in table.data] for place, name in enumerate(table.columns)
        }
        name = next(iter(self._kit.state().versions))
        served = next(iter(self._kit.state().versions[name].values()))
        answers = await self._answers(call, served.columns_of(columns))
        told = {
            "index": table.index or list(range(answers.height)),
            "columns": answers.columns,
            "data": [list(row) for row in answers.rows()],
        }
        return Reply(encode(told))

    async def _answers(self, call: Call, frame: pl.DataFrame) -> pl.DataFrame:
        state = self._kit.state()
        name = next(iter(state.versions))
        parts = await self._batches.answered(call, name, frame, new_id(), state=state)
        answers, _ = joined(parts)
        served = parts[0].served
        renamed = {}
        for output in served.shape.outputs:
            renamed[f"{output.name}_prediction"] = f"{output.name}_predictions"
            renamed |= {
                key: f"{output.name}_probabilities_{label}" for label, key in output.probabilities
            }
        return answers.rename(renamed, strict=False)


def refuse(refusal: Refusal, request_id: str) -> Reply:
    """Say no as Ludwig does: a text under `error`; 400 for rows that are not right."""
    said = [refusal.message, *(str(fault["message"]) for fault in refusal.faults)]
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    status = 400 if refusal.code == "bad_rows" else refusal.status
    return Reply(encode({"error": "; ".join(said), "id": request_id}), status, headers=headers)


async def _form(call: Call, most_chars: int) -> FormData:
    """Return the fields of a form.

    Raises:
        Refusal: it is none, or holds files.
    """
    if call.content_type not in _FORMS:
        raise Refusal(415, "unknown_form", "the body must be a form, as multipart or urlencoded")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": call.body, "more_body": False}

    request = Request({"type": "http", "headers": list(call.headers.items())}, receive)
    try:
        form = await request.form(
            max_files=0, max_fields=_MOST_FIELDS, max_part_size=most_chars * 4
        )
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refusal.malformed("the form cannot be read") from error
    if not form:
        raise Refusal.malformed("the form has no fields")
    return form


def _table(text: str) -> Table:
    try:
        table = msgspec.json.decode(text, type=Table)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal.malformed("the field `dataset` must hold `columns` and `data`") from error
    if any(len(row) != len(table.columns) for row in table.data):
        raise Refusal.malformed("every row of `data` must have a cell for each of `columns`")
    if len(set(table.columns)) != len(table.columns):
        raise Refusal.malformed("two of `columns` have the same name")
    if table.index is not None and len(table.index) != len(table.data):
        raise Refusal.malformed("`index` must be as long as `data`")
    return table
