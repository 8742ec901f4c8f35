"""The gate: one layer that every request passes before anything of it is looked at.

In this order: the host and origin it names, its key, the route, whether the key allows it, how
often the caller comes, whether there is room, its body within limits. Only then the route's
endpoint is called. What is not a route is answered like any other request without a key: 401.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from ordain.config.deployment import Limits
from ordain.serving.access import Access
from ordain.serving.call import ANONYMOUS, Call, Caller, Route, Routes
from ordain.serving.ids import new_id
from ordain.serving.load import Load
from ordain.serving.meters import Meters
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.wire import encode

LOG = logging.getLogger("ordain.serving")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[bytes, bytes]
ARRIVED = "ordain.arrived"
"""Key of the scope under which the protocol keeps when a request's head was whole."""
ANSWER = "ordain.answer"
"""Key of the scope under which the protocol keeps what takes a whole answer at once."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_NOWHERE = "(none)"


class ClientGoneError(Exception):
    """The client has closed the connection before its request was whole."""


class Gate:
    """The ASGI application.

    Args:
        routes: the table.
        access: who may call.
        limits: of requests.
        meters: told of every request.
        load: what there is to do.
        hosts: names by which the server may be called, without port; empty for any.
    """

    def __init__(
        self,
        routes: Routes,
        access: Access,
        *,
        limits: Limits,
        meters: Meters,
        load: Load,
        hosts: Collection[str] = (),
    ) -> None:
        self.routes = routes
        self.is_draining = False
        self.load = load
        self.access, self._limits, self._meters = access, limits, meters
        self._hosts = frozenset(host.lower().encode() for host in hosts)

    def adopt(self, access: Access, limits: Limits) -> None:
        """Let others in, or within other limits, from now on."""
        self.access, self._limits = access, limits
        self.load.adopt(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = scope.get(ARRIVED) or time.perf_counter()
        # Taken out, for it holds what holds the scope: that would wait for the collector.
        answer = scope.pop(ANSWER, None)
        headers: Headers = dict(scope["headers"])
        request_id = _request_id(headers)
        route: Route | None = None
        caller = ANONYMOUS
        self._meters.in_flight(1)
        try:
            self._check_names(headers)
            route = self._route(scope["method"], scope["path"], headers)
            if route.verb != "health":
                caller = self.access.caller(headers)
                self._check_room(route, caller, started)
            body = await self._body(receive, headers, route) if route.most_bytes else b""
            call = Call(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"],
                headers=headers,
                body=body,
                caller=caller,
                request_id=request_id,
                at=time.time(),
                started=started,
            )
            reply = await route.endpoint(call)
            if not call.has_waited:
                self.load.answered()
        except Refusal as refusal:
            own = route.refuse if route else self.routes.refuse(scope["path"])
            refuse = own or _reply_of
            reply = refuse(refusal, request_id)
        except ClientGoneError:
            return
        except Exception:
            LOG.exception("request %s failed", request_id)
            reply = _reply_of(Refusal.failed(), request_id)
        finally:
            self._meters.in_flight(-1)
        is_taken = (
            answer is not None
            and not (reply.headers or self.is_draining or scope["method"] == "HEAD")
            and answer(_head(reply, request_id), reply.body)
        )
        if not is_taken:
            await self._send(send, reply, request_id)
        self._meters.request(
            route.template if route else _NOWHERE,
            (route.model if route else "") or "",
            status=reply.status,
            caller=caller.name,
            seconds=time.perf_counter() - started,
        )

    def _check_names(self, headers: Headers) -> None:
        """Refuse what a page of another site sends, by its origin or under a foreign name.

        Raises:
            Refusal: the host or the origin is not one of this server's.
        """
        if not self._hosts:
            return
        if _name_of(headers.get(b"host", b"")) not in self._hosts:
            raise Refusal(421, "wrong_host", "this server does not answer under this host name")
        origin = headers.get(b"origin")
        if origin is not None and _name_of(origin.rpartition(b"//")[2]) not in self._hosts:
            raise Refusal(403, "wrong_origin", "pages of other origins may not call this server")

    def _route(self, method: str, path: str, headers: Headers) -> Route:
        """Return the route of a request.

        Raises:
            Refusal: there is none, which only callers with a key are told.
        """
        found = self.routes.at(path)
        route = found.get("GET" if method == "HEAD" else method) if found else None
        if route is not None:
            return route
        self.access.caller(headers)
        if found is None:
            told = "there is nothing at this path; /v1/models lists models, /openapi.json paths"
            raise Refusal(404, "not_found", told)
        allowed = ", ".join(sorted(found))
        raise Refusal(405, "not_allowed", f"possible here: {allowed}", headers={"allow": allowed})

    def _check_room(self, route: Route, caller: Caller, started: float) -> None:
        """Let a caller in who may do this, and only as many as there is room for.

        Raises:
            Refusal: the key does not allow it, the caller comes too often, or the server is full.
        """
        if not caller.may(route.verb, route.model):
            raise Refusal(403, "forbidden", f"this key does not allow `{route.verb}` here")
        self.access.count(caller)
        if time.perf_counter() - started > self._limits.timeout_seconds:
            self._meters.shed("waited")
            raise Refusal.busy()

    async def _body(self, receive: Receive, headers: Headers, route: Route) -> bytes:
        """Return the body, once it is whole.

        Raises:
            Refusal: it is too large, or compressed.
            ClientGoneError: the client has gone.
        """
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "compressed", "compressed bodies are not read; send it plainly")
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > route.most_bytes):
            raise Refusal.too_large("a body", limit=route.most_bytes, unit="bytes")
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message["body"]
            if len(body) > route.most_bytes:
                raise Refusal.too_large("a body", limit=route.most_bytes, unit="bytes")
            return body
        parts: list[bytes] = []
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(message["body"])
            size += len(message["body"])
            if size > route.most_bytes:
                raise Refusal.too_large("a body", limit=route.most_bytes, unit="bytes")
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()

    async def _send(self, send: Send, reply: Reply, request_id: str) -> None:
        headers = [
            (b"content-type", reply.content_type),
            (b"content-length", b"%d" % len(reply.body)),
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            *reply.headers,
        ]
        if self.is_draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def _head(reply: Reply, request_id: str) -> bytes:
    """Return the status line and the headers of an answer that has none of its own."""
    return (
        b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
        b"x-content-type-options: nosniff\r\ncache-control: no-store\r\n"
    ) % (
        _STATUS_LINES[reply.status],
        reply.content_type,
        len(reply.body),
        request_id.encode(),
    )


def _reply_of(refusal: Refusal, request_id: str) -> Reply:
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    return Reply(encode(refusal.to_json(request_id)), refusal.status, headers=headers)


def _request_id(headers: Headers) -> str:
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return new_id()


def _name_of(host: bytes) -> bytes:
    """Return a host without its port, in lower case.

    >>> _name_of(b"Localhost:8000"), _name_of(b"[::1]:8000"), _name_of(b"[::1]")
    (b'localhost', b'[::1]', b'[::1]')
    """
    if host.endswith(b"]"):
        return host.lower()
    name, colon, port = host.rpartition(b":")
    return (name if colon and port.isdigit() else host).lower()
