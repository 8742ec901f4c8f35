"""The first config for a table: types inferred, each inference told, ready to be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from ordain.config import columns, emit
from ordain.config.codes import fault
from ordain.config.document import Document, OutputFeature
from ordain.config.render import SCHEMA_FILE
from ordain.core.diagnostics import nearest
from ordain.core.errors import ConfigError
from ordain.data.profile import ColumnProfile
from ordain.data.splitter import SPLITTERS
from ordain.features.inference import infer_type
from ordain.models.family import FAMILIES

_FAMILY = Document.model_fields["model_type"].get_default(call_default_factory=True).type
_FEW_LABELS = 6
_SHORT = 60
_SHOWN = 0.001


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
    lines += ["version: 1", f"name: {emit.dump(name).strip()}"]
    if source:
        lines += ["data:", f"  source: {emit.dump(source).strip()}"]
    lines += ["input_features:", *_inputs(targets, profiles)]
    lines += ["output_features:", *_outputs(targets, profiles)]
    if model_type:
        lines.append(f"model_type: {model_type}")
    return "\n".join([*lines, *_next_steps(has_family=bool(model_type))]) + "\n"


def _next_steps(*, has_family: bool) -> list[str]:
    """Return what is mostly changed next, as comments at the values that count anyway."""
    split = SPLITTERS.get("random").model_fields["probabilities"].get_default()
    shares = ", ".join(str(share) for share in split)
    others = ", ".join(name for name in FAMILIES.names() if name != _FAMILY)
    family = [] if has_family else [f"# model_type: {_FAMILY}  # or {others}"]
    return [
        "",
        "# What is mostly changed next; `ordain render` on this file shows every key there is.",
        *family,
        f"# preprocessing: {{split: {{type: random, probabilities: [{shares}]}}}}",
        "# evaluation: {metrics: [...], baselines: true}",
    ]


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
        told = f"left out: {why}" if why else inference.reason + _about(profile, inference.type)
        rows.append((f"  # {key}" if why else f"  {key}", told))
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
        told = inference.reason + _about(profiles[target], inference.type)
        rows.append((f"  {emit.dump({target: inference.type}).strip()}", told))
    return _aligned(rows)


def _about(profile: ColumnProfile, type_name: str) -> str:
    """Return the labels where they are few and short, and the share of cells that are missing."""
    labels = [label for label, _ in profile.top]
    shown = ", ".join(f"'{label}'" for label in labels)
    is_short = profile.n_distinct <= len(labels) <= _FEW_LABELS and len(shown) <= _SHORT
    told = f": {shown}" if type_name == "category" and is_short else ""
    share = profile.n_missing / max(1, profile.n_rows)
    if not profile.n_missing:
        return told
    return f"{told}; {share:.1%} missing" if share >= _SHOWN else f"{told}; a few are missing"


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = min(40, max(len(text) for text, _ in rows))
    return [f"{text:<{width}}  # {' '.join(reason.split())}" for text, reason in rows]
