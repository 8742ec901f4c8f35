"""Watches canaries: adds up what workers counted, judges it, halts what is shown to be bad."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.config.deployment import Deployment, PredictionLogging, ServedModel
from ordain.serving.rollout.actions import AUTOMATIC, halt
from ordain.serving.rollout.applied import Applied, AppliedModel, shares_of
from ordain.serving.rollout.folder import DeploymentFolder
from ordain.serving.rollout.halting import Finding, Labelled, judge
from ordain.serving.rollout.tally import Snapshot, pooled


def halt_bad_canaries(
    folder: DeploymentFolder, applied: Applied, deployment: Deployment, *, with_truth: bool
) -> list[str]:
    """Halt every canary that a test shows to be worse; return the names of their models.

    Args:
        folder: of the deployment.
        applied: the generation that is served.
        deployment: as it is declared.
        with_truth: whether outcomes are looked at, which reads the prediction log.
    """
    halted = []
    snapshots: Sequence[Snapshot] | None = None
    for model in deployment.models:
        known = applied.models[model.name]
        if model.canary is None or known.halted is not None:
            continue
        snapshots = folder.snapshots() if snapshots is None else snapshots
        labelled = labelled_rows(folder, deployment.log, model, known) if with_truth else None
        findings = judge_canary(model, known, snapshots, labelled=labelled)
        alarm = next((found for found in findings if found.is_alarm), None)
        if alarm is not None:
            halt(
                folder,
                model.name,
                test=alarm.test,
                reason=alarm.text,
                trial=known.trial,
                by=AUTOMATIC,
            )
            halted.append(model.name)
    return halted


def judge_canary(
    model: ServedModel,
    applied: AppliedModel,
    snapshots: Sequence[Snapshot],
    *,
    labelled: Labelled | None = None,
) -> list[Finding]:
    """Return what the tests say of a canary by the counts of all workers."""
    assert model.canary is not None, "the caller has looked"
    trials = [one.trials[model.name] for one in snapshots if model.name in one.trials]
    champions = shares_of(model, applied).left
    share = model.canary.share / (model.canary.share + champions) if champions else 1.0
    trial = pooled(trials, applied.trial)
    return judge(trial, model.canary.halt, share=share, labelled=labelled) if share < 1 else []


def labelled_rows(
    folder: DeploymentFolder, log: PredictionLogging, model: ServedModel, applied: AppliedModel
) -> Labelled | None:
    """Return the losses of a trial's rows whose truth came back; None where they are not asked."""
    assert model.canary is not None, "the caller has looked"
    assert applied.canary is not None, "a canary has a version"
    if model.canary.halt.metric == "none":
        return None
    from ordain.serving.log.place import sink_of
    from ordain.serving.log.quality import losses

    sink = sink_of(log, folder.home)
    return losses(
        sink,
        model.name,
        canary=applied.canary.label,
        champion=applied.champion.label,
        since=applied.trial_began,
        halt=model.canary.halt,
        sticky_by=model.sticky_by,
    )
