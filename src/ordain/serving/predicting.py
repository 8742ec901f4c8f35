"""The endpoints that predict: what a request asks for, in which form."""

from __future__ import annotations

from msgspec import UnsetType

from ordain.serving.answering import Answering
from ordain.serving.batches import ARROW, CSV, Batches
from ordain.serving.call import Call, Endpoint
from ordain.serving.kit import Kit
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.shadows import Shadows
from ordain.serving.wire import Reader, encode

JSON = b"application/json"


class Predicting:
    """Endpoints of models, made once for each name."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self.reader = Reader(kit.deployment.limits)
        self.shadows = Shadows(kit)
        self.answering = Answering(kit, self.shadows)
        self.batches = Batches(kit, self.shadows)

    def adopt(self) -> None:
        """Read bodies within the limits that are declared now; endpoints are made anew after."""
        self.reader = Reader(self._kit.deployment.limits)

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of `POST /v1/models/NAME/predict`."""
        read, answer = self.reader.predict, self.answering.answer

        async def predict(call: Call) -> Reply:
            kind = call.content_type
            if kind == JSON:
                body = read(call.body)
                if not isinstance(body.row, UnsetType):
                    told = await answer(call, name, body.row, explain=body.explain is True)
                elif not isinstance(body.rows, UnsetType):
                    told = await self.batches.rows(call, name, body.rows)
                else:
                    assert not isinstance(body.columns, UnsetType), "one of the three is there"
                    told = await self.batches.columns(call, name, body.columns)
                return Reply(encode(told))
            if kind in {ARROW, CSV}:
                return await self.batches.stream(call, name)
            raise Refusal(
                415,
                "unknown_form",
                "the body must be application/json, text/csv or "
                "application/vnd.apache.arrow.stream, and its content-type must say so",
            )

        return predict
