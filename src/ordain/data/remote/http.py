"""A file behind http or https, with ranges of bytes where the server gives them out."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from ordain.core.errors import DataError
from ordain.data.remote import faults
from ordain.data.remote.file import TAIL_BYTES, RemoteFile, Tail

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30
_WAITS_SECONDS = (0.2, 0.8, 2.0)
_LONGEST_WAIT_SECONDS = 10.0
_PARTIAL = 206
_NOT_SATISFIABLE = 416
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_MISSING = frozenset({404, 410})
_REFUSED = frozenset({401, 403, 407})

_PASSING = (ConnectionResetError, ConnectionAbortedError, TimeoutError, HTTPException)

_T = TypeVar("_T")


class HttpFile(RemoteFile):
    """A file behind a url that is asked for with GET.

    Args:
        url: with http or https; a user name and password in it are sent as Basic.
        headers: sent with every request.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(url)
        self._bare, self._headers = _without_user(url)
        self._headers |= dict(headers or {})

    def tail(self) -> Tail | None:
        """Return the last bytes; None for a server that answers with the whole file."""

        def ask() -> Tail | None:
            with self._open(f"bytes=-{TAIL_BYTES}") as response:
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                if response.status != _PARTIAL or not total.isdigit():
                    return None
                data = _whole(response)
                version = response.headers.get("ETag", "")
                return Tail(int(total), version.removeprefix("W/"), data)

        try:
            return self._retry(ask)
        except HTTPError as error:
            if error.code == _NOT_SATISFIABLE:
                return None
            raise self._fault(error) from error

    def read(self, start: int, length: int) -> bytes:
        """Return a range of bytes."""

        def ask() -> bytes:
            with self._open(f"bytes={start}-{start + length - 1}") as response:
                return _whole(response)

        try:
            return self._retry(ask)
        except HTTPError as error:
            raise self._fault(error) from error

    def fetch(self, path: Path) -> None:
        """Write the file to disk; a transfer that was cut off starts anew."""

        def ask() -> None:
            with path.open("wb") as target, self._open() as response:
                got = 0
                while block := response.read(_BLOCK_BYTES):
                    target.write(block)
                    got += len(block)
                _check_length(response, got)

        try:
            self._retry(ask)
        except HTTPError as error:
            raise self._fault(error) from error

    def _open(self, span: str | None = None) -> HTTPResponse:
        # A length is said of the bytes as they are stored, so no packing on the way is asked for.
        headers = {"Accept-Encoding": "identity", **self._headers}
        if span:
            headers["Range"] = span
        request = Request(self._bare, headers=headers)  # noqa: S310, open_source checks the scheme
        return urlopen(request, timeout=_TIMEOUT_SECONDS)  # type: ignore[no-any-return]  # noqa: S310

    def _retry(self, ask: Callable[[], _T]) -> _T:
        """Return what is asked for, asked again after faults that may pass."""
        for tries, wait in enumerate((*_WAITS_SECONDS, None), start=1):
            try:
                return ask()
            except (OSError, HTTPException, ValueError, _CutOffError) as error:
                if not _may_pass(error) and isinstance(error, HTTPError):
                    raise
                if not _may_pass(error) or wait is None:
                    raise self._last(error, tries) from error
                asked = _asked_wait(error)
            time.sleep(max(wait, asked))
        raise AssertionError("the last try returns or raises")

    def _last(self, error: Exception, tries: int) -> DataError:
        """Return the error of a fault that did not pass, or cannot."""
        if isinstance(error, _CutOffError):
            return faults.cut_off(self.url, error.got, error.expected, tries=tries)
        if isinstance(error, HTTPError):
            return faults.answered(self.url, f"{error.code} {error.reason}", tries=tries)
        if isinstance(error, URLError):
            return faults.unreachable(self.url, error.reason)
        if isinstance(error, _PASSING):
            return faults.unreachable(self.url, error)
        return faults.unreadable(self.url, error)

    def _fault(self, error: HTTPError) -> DataError:
        if error.code in _MISSING:
            return faults.missing(self.url)
        if error.code in _REFUSED:
            return faults.refused(self.url, error.code)
        return faults.answered(self.url, f"{error.code} {error.reason}")


class _CutOffError(Exception):
    def __init__(self, got: int, expected: int) -> None:
        super().__init__()
        self.got, self.expected = got, expected


def _whole(response: HTTPResponse) -> bytes:
    data = response.read(int(response.headers.get("Content-Length") or -1))
    _check_length(response, len(data))
    return data


def _check_length(response: HTTPResponse, got: int) -> None:
    expected = response.headers.get("Content-Length")
    if expected is not None and got < int(expected):
        raise _CutOffError(got, int(expected))


def _may_pass(error: Exception) -> bool:
    """Return whether the same request may succeed a moment later."""
    if isinstance(error, HTTPError):
        return error.code in _RETRIED
    cause = error.reason if isinstance(error, URLError) else error
    return isinstance(cause, (*_PASSING, _CutOffError))


def _asked_wait(error: Exception) -> float:
    """Return the seconds a server asks to wait, at most ten."""
    headers = error.headers if isinstance(error, HTTPError) else None
    asked = headers.get("Retry-After", "") if headers else ""
    return min(float(asked), _LONGEST_WAIT_SECONDS) if asked.isdigit() else 0.0


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    bare = urlunsplit((parts.scheme, host, path, parts.query, ""))
    if not user:
        return bare, {}
    basic = base64.b64encode(unquote(user).encode()).decode()
    return bare, {"Authorization": f"Basic {basic}"}
