"""Check, render and draft a config, against its data where that can be read."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ordain.config import Config
from ordain.config.check import with_data
from ordain.config.config import in_order
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import ConfigError, DataError, StoreError
from ordain.core.events import Events
from ordain.data.profile import ColumnProfile
from ordain.data.table import ReadReport
from ordain.pipeline.cache import Cache
from ordain.pipeline.cautions import reading_warnings
from ordain.pipeline.inputs import Given, place_in, read_rows, unread_rows
from ordain.pipeline.stages import Stages
from ordain.store.home import home, prepare_home

_SOURCE = ("data", "source")


def check(
    config: Any,
    data: Any = None,
    *,
    overrides: Sequence[str] = (),
    environment: str | None = None,
) -> list[Diagnostic]:
    """Return every fault and warning of a config, in file order; never raises for a wrong one.

    Columns and values are checked too where `data` is given or the config names its source, in
    the environment that is chosen; the document is checked in all of them.
    """
    faults: list[Diagnostic] = []
    try:
        if isinstance(config, Config):
            loaded = config
        else:
            draft, loaded = Config.attempt(
                config, overrides=overrides, environment=environment, env=None
            )
            faults = [*draft.faults, *draft.elsewhere]
    except ConfigError as error:
        return list(error.diagnostics)
    looked, unread = None, []
    try:
        is_open = data is None and any(found.path[:2] == _SOURCE for found in faults)
        looked = None if is_open else rows_of(loaded, data)
    except ConfigError as error:
        unread = list(error.diagnostics)
    except DataError as error:
        unread = list(error.diagnostics) or [unread_rows(error)]
    profiles = looked.profiles if looked else None
    found = with_data(faults, loaded, profiles)
    told = reading_warnings(looked.report, found) if looked else []
    return in_order([*found, *unread, *(_told(message, loaded, data) for message in told)])


def render(
    config: Any,
    data: Any = None,
    *,
    overrides: Sequence[str] = (),
    environment: str | None = None,
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Return the filled config as data, the reasons of inferred values, and the YAML text."""
    from ordain.config.bind import bind
    from ordain.config.render import render as to_text

    loaded = (
        config
        if isinstance(config, Config)
        else Config.load(config, overrides=overrides, environment=environment)
    )
    profiles = profiles_of(loaded, data)
    if profiles is None:
        return loaded.to_dict(), {}, to_text(loaded)
    bound = bind(loaded, profiles)
    return bound.to_dict(), bound.settled()[1], to_text(loaded, bound)


def draft_config(data: str, targets: Sequence[str]) -> tuple[str, str]:
    """Return a name and the text of a commented config for a data set."""
    from ordain.config.initial import init_config
    from ordain.data import open_source, profile_table, read_table

    table = read_table(open_source(data))
    profiles = profile_table(table, table.schema.names())
    text = init_config(profiles, targets, source=data)
    return PurePath(data).name.split(".")[0], text


@dataclass(frozen=True)
class Looked:
    """One look at a config's rows: a profile of each column, and what reading found."""

    profiles: Mapping[str, ColumnProfile]
    report: ReadReport


def rows_of(config: Config, data: Any) -> Looked | None:
    """Return one look at a config's rows, or None where it names none."""
    declared = config.document.data
    if data is None and declared.source is None and declared.training_set is None:
        return None
    try:
        folder = home()
        prepare_home(folder)
        return _look(config, data, folder / "cache")
    except StoreError:
        # Checking leaves nothing behind that anybody needs: it must work where nothing is writable.
        with tempfile.TemporaryDirectory(prefix="ordain-check-") as temporary:
            return _look(config, data, Path(temporary))


def _look(config: Config, data: Any, cache: Path) -> Looked:
    stages = Stages(Cache(cache), Events())
    rows = read_rows(stages, config, Given(data))
    profiles = stages.profile(rows.profiled, rows.table.schema.names())
    return Looked(profiles, rows.table.report)


def profiles_of(config: Config, data: Any) -> Mapping[str, ColumnProfile] | None:
    """Return the profiles of a config's rows, or None where it names none."""
    looked = rows_of(config, data)
    return looked.profiles if looked else None


def _told(message: str, config: Config, data: Any) -> Diagnostic:
    is_named = data is None and config.document.data.source is not None
    place = place_in(config, _SOURCE) if is_named else None
    return Diagnostic("W602", message, place, _SOURCE, severity="warning")
