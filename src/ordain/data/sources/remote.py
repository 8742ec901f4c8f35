"""A file elsewhere: https, S3, Google Cloud Storage, Azure; fetched once, then read as a file.

data:
  source:
    source: s3://bucket/trips.parquet
    storage_options: {endpoint_url: "http://localhost:9000"}
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import polars as pl
from pydantic import Field, PrivateAttr

from ordain.core.errors import DataError, MissingExtraError
from ordain.data.locations import redact, scheme_of
from ordain.data.source import SOURCES, Source
from ordain.data.table import ReadReport

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30


@SOURCES.register
class RemoteSource(Source):
    """A file behind a url, of any format that is read from files."""

    type: Literal["remote"] = "remote"
    """A file behind a url."""
    url: str
    """Url of one file: https, http, s3, gs, az, or any other that fsspec knows."""
    format: str | None = None
    """Format of the file, such as csv; found by its name or its first bytes."""
    storage_options: dict[str, Any] = Field(default_factory=dict)
    """Options of fsspec for the store: endpoint, region, key ..."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the format, such as separator."""
    _file: Source | None = PrivateAttr(default=None)

    @property
    def is_columnar(self) -> bool:
        """As the fetched file is, which stays until the process ends."""
        return self._file is not None and self._file.is_columnar

    def fingerprint(self) -> str:
        """Return the digest of the file's bytes and of the options of its format."""
        return self._fetched().fingerprint()

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows; the file is fetched if `fingerprint` did not do so before."""
        frame, report = self._fetched().scan()
        return frame, replace(report, source=redact(self.url))

    def _fetched(self) -> Source:
        if self._file is None:
            from ordain.data.open import open_source

            folder = Path(tempfile.mkdtemp(prefix="ordain-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            name = PurePosixPath(unquote(urlsplit(self.url).path)).name or "data"
            self._fetch(folder / name)
            declared = {"format": self.format} if self.format else {}
            self._file = open_source(name, root=folder, **declared, **self.options)
        return self._file

    def _fetch(self, path: Path) -> None:
        is_http = scheme_of(self.url) in ("http", "https")
        try:
            with path.open("wb") as target, self._open(is_http=is_http) as source:
                shutil.copyfileobj(source, target, _BLOCK_BYTES)
        except HTTPError as error:
            raise DataError(f"{redact(self.url)} answered {error.code} {error.reason}") from error
        except URLError as error:
            address = urlsplit(self.url)
            place = address.hostname or ""
            if address.port:
                place += f":{address.port}"
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise DataError(
                f"the host '{place}' of {redact(self.url)} cannot be reached: {reason}\n"
                "  Fix: check the address, and that the host is up and can be reached from here"
            ) from error
        except (OSError, ValueError) as error:
            raise DataError(f"{redact(self.url)} cannot be read: {error}") from error

    def _open(self, *, is_http: bool) -> IO[bytes]:
        if is_http and not self.storage_options:
            return urlopen(self.url, timeout=_TIMEOUT_SECONDS)  # type: ignore[no-any-return]  # noqa: S310
        try:
            import fsspec

            return fsspec.open(self.url, "rb", **self.storage_options).open()  # type: ignore[no-any-return]
        except ImportError as error:
            raise MissingExtraError.for_package(
                str(error).split("`")[1] if "`" in str(error) else "fsspec",
                extra="remote",
                purpose=f"reading {redact(self.url)}",
            ) from error
