"""Check, render and draft a config, against its data where that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ordain.config import Config
from ordain.config import check as check_config
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import ConfigError, DataError
from ordain.core.events import Events
from ordain.data.profile import ColumnProfile
from ordain.pipeline.cache import Cache
from ordain.pipeline.inputs import Given, read_rows
from ordain.pipeline.stages import Stages
from ordain.store.home import home


def check(config: Any, data: Any = None, *, overrides: Sequence[str] = ()) -> list[Diagnostic]:
    """Return every fault and warning of a config, in file order; never raises for a wrong one.

    Columns and values are checked too where `data` is given or the config names its source.
    """
    try:
        loaded = config if isinstance(config, Config) else Config.load(config, overrides=overrides)
    except ConfigError as error:
        return list(error.diagnostics)
    try:
        profiles = profiles_of(loaded, data)
    except DataError as error:
        return [*check_config(loaded), Diagnostic("E400", error.message, path=("data", "source"))]
    return check_config(loaded, profiles)


def render(
    config: Any, data: Any = None, *, overrides: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Return the filled config as data, the reasons of inferred values, and the YAML text."""
    from ordain.config.bind import bind
    from ordain.config.render import render as to_text

    loaded = config if isinstance(config, Config) else Config.load(config, overrides=overrides)
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


def profiles_of(config: Config, data: Any) -> Mapping[str, ColumnProfile] | None:
    """Return the profiles of a config's rows, or None where it names none."""
    declared = config.document.data
    if data is None and declared.source is None and declared.training_set is None:
        return None
    stages = Stages(Cache(home() / "cache"), Events())
    rows = read_rows(stages, config, Given(data))
    return stages.profile(rows.table, rows.table.schema.names())
