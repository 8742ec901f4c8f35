"""The first config for a table: types inferred, each inference told, ready to be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from ordain.config import columns, emit
from ordain.config.codes import fault
from ordain.config.document import OutputFeature
from ordain.config.render import SCHEMA_FILE
from ordain.core.diagnostics import nearest
from ordain.core.errors import ConfigError
from ordain.data.profile import ColumnProfile
from ordain.features.inference import infer_type


def init_config(
    profiles: Mapping[str, ColumnProfile],
    target: str | Sequence[str],
    *,
    source: str | None = None,
    schema: str = SCHEMA_FILE,
    model_type: str | None = None,
) -> str:
    """Return a commented config that learns one or several columns from all others.

    Args:
        profiles: of every column of the table, in table order.
        target: the column or columns to predict.
        source: where the rows come from, as it is to stand in `data.source`.
        schema: file or URL of the JSON Schema that editors complete from.
        model_type: family to write; without it the line is left out and the default counts.

    Raises:
        ConfigError: a target is not in the data; has the nearest name.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    _check_targets(targets, profiles)
    name = PurePath(source).name.split(".")[0] if source else "model"
    lines = [f"# yaml-language-server: $schema={schema}", *_heading(targets, source, profiles), ""]
    lines.append(f"name: {emit.dump(name).strip()}")
    if source:
        lines += ["data:", f"  source: {emit.dump(source).strip()}"]
    lines += ["input_features:", *_inputs(targets, profiles)]
    lines += ["output_features:", *_outputs(targets, profiles)]
    if model_type:
        lines.append(f"model_type: {model_type}")
    return "\n".join(lines) + "\n"


def _check_targets(targets: Sequence[str], profiles: Mapping[str, ColumnProfile]) -> None:
    faults = []
    for target in targets:
        if target not in profiles:
            close = nearest(target, profiles)
            faults.append(
                fault(
                    "E403",
                    f"the target column '{target}' is not in the data",
                    allowed=f"Columns: {', '.join(list(profiles)[:30])}.",
                    fix=f"--target {close}" if close else None,
                )
            )
    if faults:
        raise ConfigError.of(faults)


def _heading(
    targets: Sequence[str], source: str | None, profiles: Mapping[str, ColumnProfile]
) -> list[str]:
    n_rows = max((profile.n_rows for profile in profiles.values()), default=0)
    of = f" of {source}" if source else ""
    return [
        f"# Predicts {' and '.join(targets)}{of}: {n_rows:,} rows, {len(profiles)} columns.",
        "# Types were inferred; the comment behind each says from what. Change what is wrong,",
        "# comment columns in or out, then run `ordain check` and `ordain train` on this file.",
    ]


def _inputs(targets: Sequence[str], profiles: Mapping[str, ColumnProfile]) -> list[str]:
    outputs = [OutputFeature.model_construct(name=target, column=target) for target in targets]
    rows: list[tuple[str, str]] = []
    for name, profile in profiles.items():
        if name in targets:
            continue
        inference = infer_type(profile, as_output=False)
        _, why = columns.exclusion(profile, inference, outputs)
        key = emit.dump({name: inference.type}).strip()
        rows.append((f"  # {key}", f"left out: {why}") if why else (f"  {key}", inference.reason))
    if not any(not text.startswith("  #") for text, _ in rows):
        raise ConfigError.of(
            [
                fault(
                    "E409",
                    "no column is left to learn from",
                    notes=tuple(f"{text.strip('# ')}: {why}" for text, why in rows[:10]),
                )
            ]
        )
    return _aligned(rows)


def _outputs(targets: Sequence[str], profiles: Mapping[str, ColumnProfile]) -> list[str]:
    rows = []
    for target in targets:
        inference = infer_type(profiles[target], as_output=True)
        rows.append((f"  {emit.dump({target: inference.type}).strip()}", inference.reason))
    return _aligned(rows)


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = min(40, max(len(text) for text, _ in rows))
    return [f"{text:<{width}}  # {' '.join(reason.split())}" for text, reason in rows]
