"""Where a reference points: its files, their format, and what of a url may be shown."""

from __future__ import annotations

import glob as globbing
import re
from pathlib import Path
from urllib.parse import urlsplit

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError

COMPRESSIONS = (".gz", ".zst")
REMOTE_SCHEMES = ("http", "https", "s3", "gs", "gcs", "az", "abfs", "abfss", "hf", "ftp", "memory")

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "excel",
    ".xls": "excel",
    ".xlsb": "excel",
    ".ods": "excel",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_SECRET = re.compile(
    r"(?i)((?:password|passwd|pwd|token|secret|key|sig|signature|credential)[^=&;]*=)[^&;]*"
)


HIDDEN = "***"
"""Stands for a password that is not shown."""


def scheme_of(reference: str) -> str:
    """Return the scheme of a url in lower case, or an empty string for a path."""
    match = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+)://", reference)
    return match.group(1).lower() if match else ""


def is_remote(reference: str) -> bool:
    """Return whether a reference must be fetched over a network (or from a store in memory)."""
    return scheme_of(reference) in REMOTE_SCHEMES


def redact(reference: str) -> str:
    """Return a reference that may be shown: no user name with password, no key in the query."""
    if not scheme_of(reference):
        return reference
    parts = urlsplit(reference)
    place = parts.netloc
    if "@" in place:
        user, _, host = place.rpartition("@")
        name = user.partition(":")[0]
        place = f"{name}:{HIDDEN}@{host}" if ":" in user else f"{HIDDEN}@{host}"
    query = _SECRET.sub(r"\1***", parts.query)
    return f"{parts.scheme}://{place}{parts.path}" + (f"?{query}" if query else "")


def find_files(reference: str, *, root: Path) -> tuple[Path, ...]:
    """Return the files of a path, a glob or a folder, sorted by name.

    In a folder hidden files and those that start with an underscore are passed over.

    Raises:
        DataError: there is no such file; the message has the nearest name in that folder.
    """
    path = root / Path(reference).expanduser()
    if path.is_file():
        return (path,)
    if path.is_dir():
        found = [
            file for file in sorted(path.rglob("*")) if file.is_file() and _is_data(file, path)
        ]
        if not found:
            raise DataError(f"the folder '{reference}' holds no data file")
        return tuple(found)
    if globbing.has_magic(reference):
        names = sorted(globbing.glob(str(path), recursive=True))  # noqa: PTH207, absolute patterns
        found = [Path(name) for name in names if Path(name).is_file()]
        if not found:
            raise DataError(f"no file matches '{reference}' in '{root.resolve()}'")
        return tuple(found)
    raise DataError(_missing(reference, path))


def format_of(path: Path) -> str:
    """Return the format of a file: by its name, or by its first bytes where the name says nothing.

    Raises:
        DataError: the file is of a kind that holds no table.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    if suffixes and suffixes[-1] in _FORMATS:
        return _FORMATS[suffixes[-1]]
    with path.open("rb") as file:
        return format_of_bytes(file.read(512), path)


def compression_of(path: Path) -> str:
    """Return ``gz``, ``zst`` or an empty string, by the first bytes of a file."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return "gz"
    return "zst" if magic == b"\x28\xb5\x2f\xfd" else ""


def _is_data(file: Path, folder: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _missing(reference: str, path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f"the file '{reference}' is not there: its folder '{parent}' does not exist"
    close = nearest(path.name, sorted(file.name for file in parent.iterdir()))
    hint = f" Did you mean '{Path(reference).with_name(close)}'?" if close else ""
    return f"the file '{reference}' is not there (looked in '{parent.resolve()}').{hint}"


def format_of_bytes(head: bytes, path: Path) -> str:
    """Return the format that the first bytes of a file tell.

    Raises:
        DataError: the file is a database.
    """
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:6] == b"ARROW1":
        return "arrow"
    if head[:4] == b"PK\x03\x04":
        return "excel"
    if head[:15] == b"SQLite format 3":
        raise DataError(
            f"'{path.name}' is an SQLite database.\n"
            f"  Fix: source: sqlite:///{path.name}, with `table` or `query`; "
            f"on the command line sqlite:///{path.name}::TABLE"
        )
    if head[8:12] == b"DUCK":
        raise DataError(
            f"'{path.name}' is a DuckDB database.\n"
            f"  Fix: source: duckdb:///{path.name}, with `table` or `query`; "
            f"on the command line duckdb:///{path.name}::TABLE"
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"[":
        return "json"
    return "jsonl" if start[:1] == b"{" else "csv"
