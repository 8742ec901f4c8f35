"""`check`: every fault and warning of a config, never an exception for a wrong document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.config.against_data import check_columns
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
    env: Mapping[str, str] | None = None,
) -> list[Diagnostic]:
    """Return every fault and warning, in file order.

    Args:
        source: what `Config.load` reads, or a config.
        profiles: of the data's columns; where they are given, columns and values are checked too.
        overrides: as in `Config.load`.
        env: as in `Config.load`.
    """
    if isinstance(source, Config):
        config = source
    else:
        try:
            draft, config = Config.attempt(source, overrides=overrides, env=env)
        except ConfigError as error:
            return list(error.diagnostics)
        if draft.faults:
            return with_columns(draft.faults, config, profiles)
    found = check_against(config, profiles) if profiles is not None else []
    return in_order([*config.notices, *found])


def with_columns(
    faults: Sequence[Diagnostic], config: Config, profiles: Mapping[str, ColumnProfile] | None
) -> list[Diagnostic]:
    """Return the faults of a document with those of the columns it names, in file order.

    Args:
        faults: of the document.
        config: what of it has none.
        profiles: of the data's columns, where they are known.
    """
    found = check_columns(config, profiles) if profiles is not None else []
    return in_order([*faults, *found])
