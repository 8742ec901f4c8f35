"""What the patches of a diagnosis bring: each config learned again, judged on validation rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ordain.config import Config
from ordain.core.errors import OrdainError
from ordain.data.splitter import VALIDATION
from ordain.evaluation.diagnosis.patch import Effect, Finding, Patch
from ordain.evaluation.diagnosis.record import OutputDiagnosis
from ordain.evaluation.diagnosis.robustness import damaged_target
from ordain.evaluation.subject import Subject, Target
from ordain.evaluation.targets import compare_targets
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL
from ordain.pipeline.diagnosis import Work
from ordain.pipeline.opening import open_config
from ordain.pipeline.patches import overrides_of, without
from ordain.pipeline.reopen import (
    fitted_of,
    learn_again,
    prepared_of,
    raw_subject,
    reopen_config,
    target_of,
)

OTHER_ROWS = "other rows would learn or judge, so that no rows can judge both"
NOT_LEARNING = "it changes what is decided or told, not what is learned"
NO_VALIDATION = "there are no validation rows to measure it on"
NO_TIME = "for want of time; give more with --budget"
STURDIER = {"sturdier-typos": "typos", "sturdier-unseen": "unseen"}
"""Patches that are about damaged rows, with the kind of damage they are measured on."""


def own_model(work: Work) -> FittedModel | None:
    """Return the run's own model, from the cache if it can be."""
    stages = work.stages
    request = work.again.blueprint.fit[MODEL]
    is_over = stages.clock.left is not None and stages.clock.left <= 0
    if stages.cache.find(request) is None and (is_over or stages.stop.is_set()):
        return None
    return fitted_of(work.again, work.prepared, stages)


def with_effects(work: Work, outputs: dict[str, OutputDiagnosis]) -> dict[str, OutputDiagnosis]:
    """Return the findings with what each patch was measured to bring on validation rows.

    A patch whose config is wrong for the rows, or cannot be trained, is gone.
    """
    wanted = {
        patch.name: patch
        for one in outputs.values()
        for finding in one.findings
        for patch in finding.patches
    }
    effects: dict[tuple[str, str], Effect] = {}
    unmeasured: dict[str, str] = {}
    wrong: set[str] = set()
    base: FittedModel | None = None
    for number, (name, patch) in enumerate(wanted.items()):
        try:
            config = _patched(work, patch)
            open_config(work.stages, config, work.again.given)
        except OrdainError as error:
            work.notes.append(f"patch '{name}' is not offered: {error.message.splitlines()[0]}")
            wrong.add(name)
            continue
        if reason := _why_not(work, patch):
            unmeasured[name] = reason
            continue
        base = own_model(work) if base is None else base
        try:
            found = None if base is None else _effect(work, patch, config, base)
        except OrdainError as error:
            work.notes.append(f"patch '{name}' is not offered: {error.message.splitlines()[0]}")
            wrong.add(name)
            continue
        if found is None:
            work.left_out.append(f"effect of the patch '{name}'")
            unmeasured[name] = NO_TIME
            continue
        if not found:
            unmeasured[name] = OTHER_ROWS
        effects |= {(name, output): effect for output, effect in found.items()}
        work.tell("patches", number + 1, len(wanted))
    return {
        name: one.model_copy(
            update={
                "findings": tuple(
                    _with_effects(f, effects, unmeasured, wrong) for f in one.findings
                )
            }
        )
        for name, one in outputs.items()
    }


def _why_not(work: Work, patch: Patch) -> str:
    """Return why training again on the same sets cannot tell what a patch brings; else nothing."""
    paths = [*(one.path for one in patch.set), *patch.remove]
    if any(path[0] in {"data", "preprocessing"} for path in paths):
        return OTHER_ROWS
    if all(path[0] == "evaluation" for path in paths):
        return NOT_LEARNING
    return "" if work.again.split.sizes.get(VALIDATION) else NO_VALIDATION


def _patched(work: Work, patch: Patch) -> Config:
    """Return the config of the run with a patch.

    Raises:
        ConfigError: it is wrong with it.
    """
    tree = work.again.config.written.copy()
    inputs = tree.get("input_features")
    if patch.inputs and inputs is not None and inputs.value == "all":
        from ordain.config.located import from_python

        tree.entries["input_features"] = tree.entries["input_features"]._replace(
            node=from_python(patch.inputs)
        )
    for path in patch.remove:
        without(tree, path)
    config = Config.load(tree, overrides=overrides_of(patch))
    return replace(config, folder=work.again.config.folder)


def _effect(
    work: Work, patch: Patch, config: Config, base: FittedModel
) -> dict[str, Effect] | None:
    """Return what a patched config brings to each output; None where there was no time to learn."""
    again = reopen_config(work.again.run, work.stages, config, work.again.given)
    if again.split.sizes != work.again.split.sizes:
        return {}
    prepared = prepared_of(again, work.stages)
    fitted = learn_again(work.stages, prepared, pace=work.pace)
    if fitted is None:
        return None
    found = {}
    for name in work.metrics:
        new = target_of(prepared, fitted, again.table, VALIDATION, name)
        old = target_of(work.prepared, base, work.again.table, VALIDATION, name)
        effect = _gained(work, name, replace(old, scores=new.scores), old)
        if effect is not None:
            found[name] = effect
    # What a sturdier model brings shows on damaged rows, unless it costs something on clean ones.
    if patch.name in STURDIER and not any(_is_loss(one) for one in found.values()):
        ours = raw_subject(again, prepared, fitted, VALIDATION)
        theirs = raw_subject(work.again, work.prepared, base, VALIDATION)
        found |= _on_damaged(work, STURDIER[patch.name], ours, theirs)
    return found


def _on_damaged(work: Work, kind: str, ours: Subject, theirs: Subject) -> dict[str, Effect]:
    found = {}
    for name in work.metrics:
        new, old = damaged_target(ours, name, kind), damaged_target(theirs, name, kind)
        if new is None or old is None:
            continue
        effect = _gained(work, name, new[1], old[1])
        if effect is not None:
            found[name] = effect.model_copy(update={"damage": old[0]})
    return found


def _gained(work: Work, output: str, ours: Target, theirs: Target) -> Effect | None:
    metric = work.metrics[output]
    difference = compare_targets(ours, theirs, against="the run", metric=metric)
    if difference.gain is None:
        return None
    interval = difference.interval
    return Effect(
        metric=metric.label,
        gain=difference.gain,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
    )


def _is_loss(effect: Effect) -> bool:
    return effect.high is not None and effect.high < 0


def _with_effects(
    finding: Finding,
    effects: Mapping[tuple[str, str], Effect],
    unmeasured: Mapping[str, str],
    wrong: set[str],
) -> Finding:
    """Return a finding whose patches say what they do; harmful and wrong ones are gone."""
    patches = [
        patch.model_copy(
            update={
                "effect": effects.get((patch.name, finding.output)),
                "unmeasured": unmeasured.get(patch.name, ""),
            }
        )
        for patch in finding.patches
        if patch.name not in wrong
    ]
    if finding.name != "leak":  # taking a leak out always lowers the score
        patches = [patch for patch in patches if not _is_harmful(patch, finding)]
    # What is known to bring the most comes first.
    patches.sort(key=lambda patch: 0.0 if patch.effect is None else -patch.effect.gain)
    return finding.model_copy(update={"patches": tuple(patches)})


def _is_harmful(patch: Patch, finding: Finding) -> bool:
    """Return whether a patch was shown to be worse; not better is enough where nothing is amiss."""
    effect = patch.effect
    if effect is None:
        # Inputs that are useless one by one may be needed together.
        return finding.name == "useless-inputs"
    is_worse = _is_loss(effect)
    if finding.name == "robustness-unseen" and effect.gain == 0.0:
        return True  # no label is rare, so that nothing can teach what an unseen one means
    return is_worse or (effect.gain < 0 and not finding.is_problem)
