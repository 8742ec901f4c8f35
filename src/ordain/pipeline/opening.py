"""A config opened: read with its rows, bound to them, every stage drawn, the rows split."""

from __future__ import annotations

from dataclasses import dataclass

from ordain.config import Config
from ordain.config.bind import Bound, bind
from ordain.pipeline.blueprint import Blueprint, draw
from ordain.pipeline.cautions import in_one_line, tell_reading
from ordain.pipeline.inputs import Given, Rows, read_rows
from ordain.pipeline.splits import Split
from ordain.pipeline.stages import Stages


@dataclass(frozen=True)
class Opened:
    """A config with its rows, bound and drawn."""

    config: Config
    rows: Rows
    bound: Bound
    blueprint: Blueprint


def open_config(stages: Stages, config: Config, given: Given) -> Opened:
    """Return a config bound to its rows; every fault of the config for these rows at once."""
    rows = read_rows(stages, config, given)
    stages.scope = config.document.name
    profiles = stages.profile(rows.profiled, list(rows.table.schema.names()))
    bound = bind(config, profiles)
    for warning in bound.warnings:
        stages.events.warn(warning.code, in_one_line(warning))
    tell_reading(rows.table.report, stages.events, bound.warnings)
    return Opened(config, rows, bound, draw(config, bound, rows))


def split_rows(
    stages: Stages, blueprint: Blueprint, *, fold: int | None = None
) -> tuple[Split, str]:
    """Return the split of the rows and its key; of one fold where that is given."""
    return stages.split(
        blueprint.rows.table,
        blueprint.document.preprocessing.split,
        seed=blueprint.document.seed,
        required=blueprint.required,
        sets=blueprint.rows.sets,
        fold=fold,
    )
