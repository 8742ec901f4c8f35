"""Databases by their urls: which kinds there are, and which table a reference names.

A table may stand behind two colons: ``sqlite:///shop.db::orders``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ordain.core.diagnostics import nearest
from ordain.data.locations import REMOTE_SCHEMES, redact, scheme_of

SCHEMES = (
    "sqlite", "duckdb", "postgresql", "mysql", "mariadb", "mssql", "oracle",
    "adbc+sqlite", "adbc+postgresql",
)  # fmt: skip
"""Kinds of databases; SQLAlchemy and ADBC know more where their packages are installed."""
TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
TABLES_ELSEWHERE = "SELECT table_name FROM information_schema.tables"
_CLOSE = 0.8
_SHOWN = 20
_TABLE = re.compile(r"[^/@?&:\[\]]+")
"""What may stand behind the colons: no part of an address, such as that of IPv6, reads so."""


def split_table(reference: str) -> tuple[str, str | None]:
    """Return the url of a database and the table behind its two colons, None where none is."""
    url, colons, table = reference.rpartition("::")
    if colons and url and _TABLE.fullmatch(table):
        return url, table
    return reference, None


def unknown_scheme(scheme: str) -> str:
    """Return that a scheme is none that is known, with those that are."""
    known = (*SCHEMES, *REMOTE_SCHEMES)
    close = nearest(scheme, known, cutoff=_CLOSE)
    hint = f" Did you mean '{close}'?" if close else ""
    return (
        f"'{scheme}' is not a kind of database that is known, nor of url.{hint}\n"
        f"  Possible: {', '.join(known)}\n"
        f"  Fix: {close or 'sqlite'}://..., or install the SQLAlchemy dialect of '{scheme}'"
    )


def which_table(url: str, *, root: Path) -> str:
    """Return that a reference to a database must name a table or a query, and which there are."""
    scheme = scheme_of(url)
    if scheme not in SCHEMES and nearest(scheme, SCHEMES, cutoff=_CLOSE):
        return unknown_scheme(scheme)
    names = _tables_of(url, root=root)
    shown = redact(url)
    return (
        f"{shown} is a database: a sql source needs exactly one of `table` and `query`.\n"
        + (f"  {listed(names)}\n" if names else "")
        + f"  Fix: {shown}::{names[0] if names else 'TABLE'} on the command line, or\n"
        f'       source: {{source: "{shown}", query: "select ..."}} in the config'
    )


def listed(names: Sequence[str]) -> str:
    """Return the names of some tables in a sentence."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Tables: {', '.join(sorted(names)[:_SHOWN])}{more}."


def _tables_of(url: str, *, root: Path) -> list[str]:
    """Return the tables of a database in a file; none where they cannot be known at once."""
    path = root / url.partition(":///")[2].partition("?")[0]
    if not path.is_file():
        return []
    try:
        if scheme_of(url) == "duckdb":
            import duckdb

            with duckdb.connect(str(path), read_only=True) as database:
                found = database.execute(TABLES_ELSEWHERE).fetchall()
        else:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
                found = file.execute(TABLES).fetchall()
    except Exception:  # noqa: BLE001 - the database says what is wrong with it when it is read
        return []
    return sorted({str(name) for (name,) in found})
