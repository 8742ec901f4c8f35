"""`check`: every fault and warning of a config, never an exception for a wrong document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.config.bind import check_against
from ordain.config.config import Config, Source, in_order
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import ConfigError
from ordain.data.profile import ColumnProfile


def check(
    source: Source | Config,
    profiles: Mapping[str, ColumnProfile] | None = None,
    *,
    overrides: Sequence[str] = (),
    environment: str | None = None,
    env: Mapping[str, str] | None = None,
) -> list[Diagnostic]:
    """Return every fault and warning, in file order.

    Args:
        source: what `Config.load` reads, or a config.
        profiles: of the data's columns; where they are given, columns and values are checked too,
            in all that has no fault itself.
        overrides: as in `Config.load`.
        environment: as in `Config.load`; the others are checked too, but against no data.
        env: as in `Config.load`.
    """
    if isinstance(source, Config):
        return with_data((), source, profiles)
    try:
        draft, config = Config.attempt(
            source, overrides=overrides, environment=environment, env=env
        )
    except ConfigError as error:
        return list(error.diagnostics)
    return with_data([*draft.faults, *draft.elsewhere], config, profiles)


def with_data(
    faults: Sequence[Diagnostic], config: Config, profiles: Mapping[str, ColumnProfile] | None
) -> list[Diagnostic]:
    """Return the faults of a document with its notices and what its data shows, in file order.

    Args:
        faults: of the document.
        config: what of it has none.
        profiles: of the data's columns, where they are known.
    """
    found = check_against(config, profiles, faults=faults) if profiles is not None else []
    return in_order([*faults, *(config.notices), *found])
