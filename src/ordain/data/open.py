"""A reference becomes a source: path, glob, folder, url, named data set, frame or mapping."""

from __future__ import annotations

import glob as globbing
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.data.databases import split_table, which_table
from ordain.data.locations import (
    find_files,
    format_of,
    format_of_bytes,
    is_remote,
    redact,
    scheme_of,
)
from ordain.data.source import SOURCES, Source

TEXTS = frozenset({"csv", "json", "jsonl"})
WORDS = {
    "csv": "delimited text",
    "json": "JSON",
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "excel": "an Excel or OpenDocument file",
    "arrow": "Arrow IPC",
    "zip": "a zip archive",
}
SUFFIXES = {
    "csv": ".csv",
    "json": ".json",
    "jsonl": ".jsonl",
    "parquet": ".parquet",
    "excel": ".xlsx",
    "arrow": ".arrow",
}


def open_source(reference: Any, *, root: Path | None = None, **options: Any) -> Source:
    """Return the source a reference names; nothing is read but a few bytes that tell the format.

    Args:
        reference: a path, glob or folder; ``dataset:NAME``; a url of a file (``https``, ``s3``,
            ``gs``, ``az``) or of a database (``sqlite:///f.db``, ``postgresql://...``); a Polars,
            pandas or Arrow table; a source; or a mapping with `source` and the options of that
            kind, such as ``{"source": "a.csv", "separator": ";"}``.
        root: folder that relative paths start from; the working folder by default.
        **options: of that kind of source, as in the mapping; `format` names the kind.

    Raises:
        UsageError: the reference names nothing, or an option is not one of its kind.
        DataError: a file is not there.
    """
    root = root or Path()
    if isinstance(reference, Source):
        return reference
    if isinstance(reference, Mapping):
        return _open_mapping({**reference, **options}, root=root)
    if not isinstance(reference, str | Path):
        if options:
            raise UsageError(f"a data frame takes no options ({', '.join(options)})")
        from ordain.data.sources.frame import FrameSource

        return FrameSource.of(reference)
    return _open_text(str(reference), root=root, options=options)


def _open_mapping(keys: dict[str, Any], *, root: Path) -> Source:
    names = [name for name in ("source", "path", "url", "name") if keys.get(name) is not None]
    if len(names) != 1:
        what = "no `source`" if not names else f"both {' and '.join(f'`{n}`' for n in names)}"
        raise UsageError(f"a data source has {what}: write `source:` with a path, a url or a name")
    reference = keys.pop(names[0])
    if not isinstance(reference, str | Path):
        return open_source(reference, root=root, **keys)
    return _open_text(str(reference), root=root, options=keys)


def _open_text(reference: str, *, root: Path, options: dict[str, Any]) -> Source:
    reference = reference.strip()
    if not reference:
        raise UsageError("the data source is an empty text: write a path, a url or a name")
    declared = options.pop("format", None) or options.pop("type", None)
    if reference.startswith("dataset:"):
        return _build("dataset", {"name": reference.removeprefix("dataset:"), **options}, root=root)
    if reference.startswith("file://"):
        reference = reference.removeprefix("file://")
    if is_remote(reference):
        keys = {"url": reference, "format": declared, **options}
        shared: dict[str, Any] = {
            key: keys.pop(key) for key in ("url", "format", "storage_options") if key in keys
        }
        return _build("remote", {**shared, "options": keys}, root=root)
    if scheme_of(reference):
        return _open_database(reference, options, root=root)
    files = find_files(reference, root=root)
    kind = declared or format_of(files[0])
    if declared is None and len(files) > 1:
        _check_same(files, reference=reference)
    for file in files:
        check_format(file, str(kind), reference=reference)
    return _build(str(kind), {"path": reference, **options}, root=root)


def _check_same(files: Sequence[Path], *, reference: str) -> None:
    """Refuse a folder or glob of files of several formats.

    Raises:
        DataError: names the formats, and how to choose one.
    """
    kinds: dict[str, list[str]] = {}
    for file in files:
        kinds.setdefault(format_of(file), []).append(file.name)
    # Files of texts may lie in one folder; their readers tell whether they go together.
    if len(kinds) == 1 or kinds.keys() <= TEXTS:
        return
    told = "; ".join(
        f"{WORDS.get(kind, kind)}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"  # noqa: PLR2004
        for kind, names in kinds.items()
    )
    most = max(kinds.values(), key=len)[0]
    folder = reference.rstrip("/") if not globbing.has_magic(reference) else "FOLDER"
    raise DataError(
        f"'{reference}' mixes files of {len(kinds)} formats ({told})\n"
        f"  Fix: name those of one format, as in '{folder}/*{Path(most).suffix}'"
    )


def _open_database(reference: str, options: dict[str, Any], *, root: Path) -> Source:
    url, table = split_table(reference)
    if table is not None and not {"table", "query"} & options.keys():
        return _build("sql", {"url": url, "table": table, **options}, root=root)
    if not {"table", "query"} & options.keys():
        raise UsageError(which_table(reference, root=root))
    return _build("sql", {"url": reference, **options}, root=root)


def check_format(path: Path, kind: str, *, reference: str) -> None:
    """Refuse a file whose first bytes tell another format than the one it is to be read as.

    Raises:
        DataError: says what the file looks like, and how to read it as that.
    """
    with path.open("rb") as file:
        head = file.read(512)
    found = _told_by(head, path)
    # Delimited text and JSON tell each other apart only by parsing; their readers do that.
    if kind not in WORDS or found is None or found == kind or {found, kind} <= TEXTS:
        return
    start = f"'{path.name}' looks like {WORDS[found]}, not {WORDS[kind]}"
    if found == "zip":
        raise DataError(f"{start}\n  Fix: unpack it and name the file inside")
    raise DataError(
        f"{start}\n  Fix: rename it to '{path.with_suffix(SUFFIXES[found]).name}', "
        f"or write source: {{type: {found}, path: {reference}}}"
    )


def _told_by(head: bytes, path: Path) -> str | None:
    """Return the format that the first bytes tell, None where they tell nothing."""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return "excel"
    found = format_of_bytes(head, path)
    if found == "excel":
        return _kind_of_zip(path)
    is_text = b"\0" not in head and not head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))
    return found if found not in TEXTS or (head.strip() and is_text) else None


def _kind_of_zip(path: Path) -> str | None:
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError):
        return "excel"
    is_book = any(name.startswith("xl/") or name == "content.xml" for name in names)
    return "excel" if is_book else "zip"


def _build(kind: str, keys: dict[str, Any], *, root: Path) -> Source:
    cls = SOURCES.get(kind)
    try:
        return cls.model_validate({**keys, "type": cls.type_name()}).within(root)
    except ValidationError as error:
        raise UsageError(_explain(cls, error)) from error


def _explain(cls: type[Source], error: ValidationError) -> str:
    lines = []
    known = [name for name in cls.model_fields if name != "type"]
    for fault in error.errors(include_url=False):
        key = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            close = nearest(key, known)
            hint = f" Did you mean `{close}`?" if close else ""
            lines.append(f"`{key}` is not an option of a {cls.type_name()} source.{hint}")
        elif fault["type"] == "missing":
            lines.append(f"a {cls.type_name()} source needs `{key}`")
        elif not key:
            lines.append(str(fault["msg"]).removeprefix("Value error, "))
        else:
            value = redact(str(fault["input"]))
            lines.append(f"`{key}` may not be '{value}': {fault['msg']}")
    lines.append(f"Options: {', '.join(known)}.")
    return "\n".join(lines)
