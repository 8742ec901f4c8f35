"""A file in an object store, or anywhere else that fsspec reaches."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ordain.core.errors import DataError, MissingExtraError
from ordain.data.locations import redact, scheme_of
from ordain.data.remote import faults
from ordain.data.remote.file import TAIL_BYTES, RemoteFile, Tail

_BLOCK_BYTES = 1 << 22
_PACKAGES = {
    "s3": ("s3fs", "remote"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
}
_VERSIONS = ("VersionId", "generation", "ETag", "etag")


class StoreFile(RemoteFile):
    """A file behind a url of fsspec.

    Args:
        url: such as s3://bucket/key.
        options: of fsspec's file system.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        super().__init__(url)
        self._endpoint = str(options.get("endpoint_url", ""))
        try:
            import fsspec

            # Without fsspec's memory of instances, a server that came back is asked anew.
            self._system, self._path = fsspec.core.url_to_fs(
                url, skip_instance_cache=scheme_of(url) in _PACKAGES, **options
            )
        except ImportError as error:
            package, extra = _PACKAGES.get(scheme_of(url), ("fsspec", "remote"))
            raise MissingExtraError.for_package(
                package, extra=extra, purpose=f"reading {redact(url)}"
            ) from error
        except (TypeError, ValueError) as error:
            raise faults.unreadable(url, error) from error
        except OSError as error:  # FTP and SFTP connect at once
            raise self._other(error) from error

    def tail(self) -> Tail | None:
        """Return the last bytes, with the version the store gives its object."""
        with self._faults():
            info = self._system.info(self._path)
            if info.get("type") == "directory":
                raise DataError(
                    f"{redact(self.url)} is a folder\n  Fix: name one file in it, such as "
                    f"{redact(self.url).rstrip('/')}/part-0.parquet"
                )
            size = int(info["size"])
            start = max(0, size - TAIL_BYTES)
            data = self._system.cat_file(self._path, start=start, end=size) if size else b""
        version = next((str(info[name]) for name in _VERSIONS if info.get(name)), "")
        return Tail(size, version, data)

    def read(self, start: int, length: int) -> bytes:
        """Return a range of bytes."""
        with self._faults():
            return bytes(self._system.cat_file(self._path, start=start, end=start + length))

    def fetch(self, path: Path) -> None:
        """Write the file to disk, and compare its size with what the store says."""
        with self._faults():
            size = self._system.info(self._path).get("size")
            with path.open("wb") as target, self._system.open(self._path, "rb") as source:
                shutil.copyfileobj(source, target, _BLOCK_BYTES)
        got = path.stat().st_size
        if size is not None and got < size:
            raise faults.cut_off(self.url, got, size, tries=1)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (DataError, MissingExtraError):
            raise
        except FileNotFoundError as error:
            raise faults.missing(self.url) from error
        except PermissionError as error:
            raise faults.refused(self.url) from error
        except Exception as error:  # each store's library has exceptions of its own
            raise self._other(error) from error

    def _other(self, error: Exception) -> DataError:
        kinds = {cls.__name__ for cls in type(error).__mro__}
        if kinds & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
            return faults.refused(self.url)
        is_connecting = {"EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError"}
        if kinds & (is_connecting | {"ConnectionRefusedError"}):
            return faults.unreachable(self.url, "no connection", endpoint=self._endpoint)
        if isinstance(error, socket.gaierror | TimeoutError | ConnectionError):
            return faults.unreachable(self.url, error, endpoint=self._endpoint)
        return faults.unreadable(self.url, error)
