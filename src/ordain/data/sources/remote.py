"""A file elsewhere: https, S3, Google Cloud Storage, Azure; Parquet by column, the rest fetched.

data:
  source:
    type: remote
    url: s3://bucket/trips.parquet
    storage_options: {endpoint_url: "http://localhost:9000", key: "${KEY}", secret: "${SECRET}"}
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

import polars as pl
from pydantic import Field, PrivateAttr, model_validator

from ordain.core.errors import DataError, UsageError
from ordain.core.files import store_errors
from ordain.data.locations import redact, scheme_of
from ordain.data.remote.faults import unreadable
from ordain.data.remote.file import RemoteFile, Tail, parquet_fingerprint
from ordain.data.source import SOURCES, Source
from ordain.data.table import ReadReport

_LEAST_LAZY_BYTES = 1 << 22
_PARQUET_ENDINGS = (".parquet", ".pq")


@SOURCES.register
class RemoteSource(Source):
    """A file behind a url, of any format that is read from files.

    Parquet of 4 MiB and more is read where it is, column by column, each once a process, if the
    server gives out ranges of bytes and says which version of the file it has; its fingerprint is
    then that version, the size and the footer. Every other file is fetched once a process, and its
    fingerprint is that of its bytes.
    """

    type: Literal["remote"] = "remote"
    """A file behind a url."""
    url: str
    """Url of one file: https, http, s3, gs, az, or any other that fsspec knows."""
    format: str | None = None
    """Format of the file, such as csv; found by its name or its first bytes."""
    storage_options: dict[str, Any] = Field(default_factory=dict)
    """Of the store; for S3 and what speaks like it: endpoint_url, region, key, secret, token, anon
    (keys come from the environment otherwise); for http: headers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the format, such as separator."""
    _file: Source | None = PrivateAttr(default=None)
    _remote: RemoteFile | None = PrivateAttr(default=None)
    _tail: Tail | None = PrivateAttr(default=None)
    _settled: dict[str, Any] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        parts = urlsplit(self.url)
        if "*" in parts.path and parts.scheme not in ("http", "https"):
            raise ValueError(
                f"{redact(self.url)} is a pattern, and a url names one file\n"
                "  Fix: name one file, or copy the files into a folder and name that"
            )
        return self

    @property
    def is_columnar(self) -> bool:
        """Whether columns are read where they are, or from the fetched file."""
        return self._tail is not None or (self._file is not None and self._file.is_columnar)

    def fingerprint(self) -> str:
        """Return the digest of the bytes and the format's options, or of version and footer."""
        if self._is_lazy():
            assert self._tail is not None, "a file read by column has shown its tail"
            return parquet_fingerprint(self._connect(), self._tail)
        return self._fetched().fingerprint()

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows; the file is fetched if `fingerprint` did not do so before."""
        if self._is_lazy():
            return self._scan_lazily()
        file = self._fetched()
        frame, report = file.scan()
        if self._spill is not None and file.is_columnar:
            self._spill.keep_to_the_end()
        return frame, replace(report, source=redact(self.url))

    def spill_into(
        self, folder: Path, *, from_bytes: int | None = None, block_bytes: int | None = None
    ) -> None:
        """Say where the fetched file goes, and its rows if they are too many for memory."""
        super().spill_into(folder, from_bytes=from_bytes, block_bytes=block_bytes)
        if self._file is not None:
            self._file.spill_into(folder, from_bytes=from_bytes, block_bytes=block_bytes)

    @property
    def is_spilled(self) -> bool:
        """Whether rows of the fetched file were too many for memory and were put aside."""
        return self._file is not None and self._file.is_spilled

    def clear(self) -> None:
        """Delete what was put aside, and the fetched file unless its columns are read from it."""
        if self._file is not None:
            self._file.clear()
        if not self.is_columnar:
            self._file = None
            super().clear()

    def _is_lazy(self) -> bool:
        """Return whether the columns can be read where they are."""
        if self._file is not None or self._tail is not None:
            return self._tail is not None
        name = urlsplit(self.url).path.lower()
        is_parquet = self.format == "parquet" or (
            self.format is None and name.endswith(_PARQUET_ENDINGS)
        )
        if not is_parquet or self.options or self._lazy_options() is None:
            return False
        tail = self._connect().tail()
        # Without a version, two contents with one footer would count as the same.
        if tail is not None and tail.version and tail.size >= _LEAST_LAZY_BYTES:
            self._tail = tail
        return self._tail is not None

    def _scan_lazily(self) -> tuple[pl.LazyFrame, ReadReport]:
        assert self._tail is not None, "a file read by column has shown its tail"
        try:
            frame = pl.scan_parquet(self.url, storage_options=self._lazy_options(), glob=False)
            n_rows = int(frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unreadable(self.url, error) from error
        if not n_rows:
            raise DataError(f"{redact(self.url)} has no rows")
        details = {"files": 1, "bytes": self._tail.size, "read": "by column, where it is"}
        from ordain.data.remote.columns import keep_columns

        return keep_columns(self.url, frame, n_rows, self._new_spill()), ReadReport(
            source=redact(self.url), format="parquet", details=details, n_rows=n_rows
        )

    def _fetched(self) -> Source:
        if self._file is None:
            from ordain.data.open import open_source

            place = self._new_spill()
            name = PurePosixPath(unquote(urlsplit(self.url).path)).name or "data"
            with store_errors(place.folder):
                self._connect().fetch(place.folder / name)
            declared = {"format": self.format} if self.format else {}
            file = open_source(name, root=place.folder, **declared, **self.options)
            file._scratch = self._scratch  # noqa: SLF001
            file._streamed_bytes = self._streamed_bytes  # noqa: SLF001
            file._block_bytes = self._block_bytes  # noqa: SLF001
            self._file = file
        return self._file

    def _connect(self) -> RemoteFile:
        if self._remote is None:
            if scheme_of(self.url) in ("http", "https"):
                from ordain.data.remote.http import HttpFile

                self._remote = HttpFile(self.url, _headers(self.storage_options))
            else:
                from ordain.data.remote.options import fsspec_options
                from ordain.data.remote.store import StoreFile

                self._remote = StoreFile(self.url, fsspec_options(self.url, self._options()))
        return self._remote

    def _options(self) -> dict[str, Any]:
        if self._settled is None:
            from ordain.data.remote.options import settle_options

            self._settled = settle_options(self.url, self.storage_options)
        return self._settled

    def _lazy_options(self) -> dict[str, Any] | None:
        """Return the options for Polars; None where it cannot be told all that was declared."""
        from ordain.data.remote.options import polars_options

        if "@" in urlsplit(self.url).netloc and scheme_of(self.url) in ("http", "https"):
            return None
        return polars_options(self.url, self._options())


def _headers(options: dict[str, Any]) -> dict[str, str]:
    headers = options.get("headers", {})
    unknown = [name for name in options if name != "headers"]
    if unknown or not isinstance(headers, dict):
        raise UsageError(
            "`storage_options` of http may hold `headers`, a mapping of names to texts"
            + (f", and holds {', '.join(f'`{name}`' for name in unknown)}" if unknown else "")
        )
    return {str(name): str(value) for name, value in headers.items()}
