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
        config: Config | None = source
    else:
        try:
            draft, config = Config.attempt(source, overrides=overrides, env=env)
        except ConfigError as error:
            return list(error.diagnostics)
        if config is None:
            return draft.faults
    assert config is not None, "a draft without faults gives a config"
    found = check_against(config, profiles) if profiles is not None else []
    return in_order([*config.notices, *found])
