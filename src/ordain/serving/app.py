"""The table of routes of a server, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version as version_of
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from ordain.serving.call import Call, Route, Routes
from ordain.serving.hosting import State
from ordain.serving.kit import Kit
from ordain.serving.ludwig import Ludwig
from ordain.serving.observing import Observing
from ordain.serving.open_inference import OpenInference
from ordain.serving.openapi import describe
from ordain.serving.predicting import Predicting
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.served import Served
from ordain.serving.wire import encode

_SMALL = 65_536
"""Largest body where no rows are sent, in bytes."""


class App:
    """The endpoints of one server.

    Args:
        kit: what they need.
        is_ready: whether requests are to be sent here.
    """

    def __init__(self, kit: Kit, *, is_ready: Callable[[], bool]) -> None:
        self._kit = kit
        self._is_ready = is_ready
        self._version = version_of("ordain")
        self.predicting = Predicting(kit)
        self._observing = Observing(kit, self.predicting.reader)
        batches = self.predicting.batches
        self._protocols = (OpenInference(kit, batches), Ludwig(kit, batches))
        self._described: State | None = None
        self._descriptions: dict[tuple[str, ...], bytes] = {}

    def routes(self) -> Routes:
        """Return the table for the models that are loaded now."""
        return Routes(self._all())

    def _all(self) -> Iterator[Route]:
        yield Route("GET", "/", self.root, "read", template="/")
        yield Route("GET", "/livez", self.live, "health", template="/livez")
        yield Route("GET", "/readyz", self.ready, "health", template="/readyz")
        yield Route("GET", "/metrics", self.metrics, "metrics", template="/metrics")
        yield Route("GET", "/openapi.json", self.openapi, "read", template="/openapi.json")
        feedback = self._observing.feedback
        yield Route("POST", "/v1/feedback", feedback, "feedback", None, "/v1/feedback", _SMALL)
        yield Route("GET", "/v1/models", self.models, "read", template="/v1/models")
        most = self._kit.deployment.limits.body_bytes
        for name in self._kit.state().versions:
            path, template = f"/v1/models/{name}", "/v1/models/{name}"
            yield Route("GET", path, self.model(name), "read", name, template)
            yield Route(
                "POST",
                f"{path}/predict",
                self.predicting.endpoint(name),
                "predict",
                name,
                f"{template}/predict",
                most,
            )
        for protocol in self._protocols:
            yield from protocol.routes()

    async def root(self, call: Call) -> Reply:
        """Say what this is, and where to look next; clients of Ludwig look for a `message`."""
        body = {
            "message": "Ordain server is up",
            "version": self._version,
            "models": self._readable(call),
            "links": {"models": "/v1/models", "openapi": "/openapi.json"},
        }
        return Reply(encode(body))

    async def live(self, call: Call) -> Reply:
        """Say that the event loop turns."""
        del call
        return Reply(b'{"status":"live"}')

    async def ready(self, call: Call) -> Reply:
        """Say whether the versions are loaded and warm, and the server is not ending."""
        del call
        if not self._is_ready():
            raise Refusal(503, "not_ready", "the server is starting or ending")
        return Reply(b'{"status":"ready"}')

    async def metrics(self, call: Call) -> Reply:
        """Return the metrics as Prometheus reads them."""
        del call
        return Reply(self._kit.meters.text(), content_type=CONTENT_TYPE_LATEST.encode())

    async def openapi(self, call: Call) -> Reply:
        """Describe the server and the models that the caller may ask; made once for those."""
        state = self._kit.state()
        if self._described is not state:
            self._described, self._descriptions = state, {}
        names = tuple(self._readable(call))
        if names not in self._descriptions:
            deployment = self._kit.deployment
            versions = {name: state.versions[name] for name in names}
            told = describe(versions, deployment.limits, has_keys=not deployment.auth.is_open)
            self._descriptions[names] = encode(told)
        return Reply(self._descriptions[names])

    async def models(self, call: Call) -> Reply:
        """List the models that the caller may ask."""
        versions = self._kit.state().versions
        told = [self._told(name, versions[name]) for name in self._readable(call)]
        body: dict[str, Any] = {"models": told}
        if refused := self._kit.hosting.refused:
            body["refused"] = {"id": refused.id, "since": round(refused.since, 3)}
        return Reply(encode(body))

    def _readable(self, call: Call) -> list[str]:
        """Return the names of the models that the caller may know of."""
        return [name for name in self._kit.state().versions if call.caller.may("read", name)]

    def model(self, name: str) -> Callable[[Call], Any]:
        """Return the endpoint that tells of one model."""

        async def tell(call: Call) -> Reply:
            del call
            return Reply(encode(self._told(name, self._kit.state().versions[name])))

        return tell

    def _told(self, name: str, versions: Mapping[str, Served]) -> dict[str, Any]:
        first = next(iter(versions.values()))
        document = first.model.document
        return {
            "name": name,
            "version": first.label,
            "versions": [
                {
                    "version": one.label,
                    "bundle": one.fingerprint,
                    "engine": one.model.fitted.engine,
                }
                for one in versions.values()
            ],
            "type": document.model_type.type,
            "checks": first.door.policy,
            "inputs": [
                {"name": one.column, "type": one.type, "expected": one.schema(is_strict=True)}
                for one in first.door.expectations
            ],
            "outputs": [
                {"name": output.name, "type": output.type, "labels": labels.labels}
                for output, labels in zip(
                    document.output_features, first.shape.outputs, strict=True
                )
            ],
        }
