"""A first look at what holds a model back, from what training knows already.

Nothing is asked of the model again: the error divides by what was judged on every set, the noise
in the labels was counted among the findings, and the baselines stand beside. `ordain diagnose`
measures the rest: what more rows would bring, what damaged rows cost, what each patch does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ordain.config import Config
from ordain.config.document import Document
from ordain.core.errors import UsageError
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.evaluation.diagnosis.advice import advise
from ordain.evaluation.diagnosis.gaps import ceiling_of, split_error
from ordain.evaluation.diagnosis.patch import Finding, Patch
from ordain.evaluation.diagnosis.record import Diagnosis, OutputDiagnosis
from ordain.evaluation.diagnosis.remedies import Known
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Findings
from ordain.evaluation.judgement import Judgement, OutputSummary
from ordain.evaluation.metric import find_metric
from ordain.pipeline.patches import patched, unified
from ordain.store.runs import Run


def first_look(
    run: Run,
    config: Config,
    document: Document,
    *,
    judged: Mapping[str, OutputSummary],
    findings: Findings,
    facts: Mapping[str, Any],
) -> Diagnosis:
    """Return what the judgement of a training says of what holds its model back.

    Args:
        run: the training.
        config: as it was written.
        document: the same, settled.
        judged: the metrics of every set, by output.
        findings: on the deciding set.
        facts: what the family found while learning.
    """
    written = config.to_dict(filled=False)
    outputs = {
        name: _of_output(name, output, document, written=written, findings=findings, facts=facts)
        for name, output in judged.items()
    }
    if len(outputs) > 1:
        outputs = {name: _named(one) for name, one in outputs.items()}
    found = Diagnosis(run=run.reference, outputs=outputs, is_first_look=True)
    return found.model_copy(update={"diffs": _diffs(found, run)})


def _of_output(
    name: str,
    output: OutputSummary,
    document: Document,
    *,
    written: Mapping[str, Any],
    findings: Findings,
    facts: Mapping[str, Any],
) -> OutputDiagnosis:
    metric = find_metric(output.headline, document.evaluation.metrics)
    sets = {one: output.sets[one] for one in sorted(output.sets, key=_learning_order)}
    noise = findings.noise.get(name)
    ceiling = ceiling_of(metric, document.evaluation.human, noise, on_train=sets.get(TRAIN))
    split = split_error(name, metric, sets, ceiling=ceiling)
    shares, recalls = _class_facts(output.sets[deciding_set(output.sets)])
    known = Known(
        output=name,
        document=document,
        written=written,
        split=split,
        is_higher_better=metric.is_higher_better,
        noise=noise,
        shares=shares,
        recalls=recalls,
        baselines=_baselines(output),
        facts=facts,
    )
    return OutputDiagnosis(
        output=name, metric=metric.label, split=split, noise=noise, findings=advise(known)
    )


def _learning_order(name: str) -> int:
    """Return the place of a set between training and the rows that judge."""
    return 0 if name == TRAIN else 1 + (name == "test")


def _class_facts(judged: Judgement) -> tuple[dict[str, float], dict[str, float]]:
    """Return share and recall of each class, by label."""
    rows = {row["label"]: row for row in judged.per_class if row["rows"]}
    total = sum(row["rows"] for row in rows.values()) or 1
    return (
        {label: row["rows"] / total for label, row in rows.items()},
        {label: row["recall"] for label, row in rows.items() if row["recall"] is not None},
    )


def _baselines(output: OutputSummary) -> dict[str, float]:
    values = {
        name: sets[VALIDATION].metrics.get(output.headline)
        for name, sets in output.baselines.items()
        if VALIDATION in sets
    }
    return {name: value for name, value in values.items() if value is not None}


def _named(one: OutputDiagnosis) -> OutputDiagnosis:
    """Return a diagnosis whose patches are named for its output, since others have their own."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", one.output)

    def named(patch: Patch) -> Patch:
        return patch.model_copy(update={"name": f"{stem}-{patch.name}"})

    def own(finding: Finding) -> Finding:
        return finding.model_copy(update={"patches": tuple(map(named, finding.patches))})

    return one.model_copy(update={"findings": tuple(map(own, one.findings))})


def _diffs(found: Diagnosis, run: Run) -> dict[str, str]:
    """Return what each patch changes in the config as it was written."""
    text = (run.folder / "written.yaml").read_text(encoding="utf-8")
    diffs: dict[str, str] = {}
    for finding in found.findings:
        for patch in finding.patches:
            try:
                diffs[patch.name] = unified(text, patched(text, patch), "config.yaml")
            except UsageError as error:
                diffs[patch.name] = f"# {error.message.splitlines()[0]}\n"
    return diffs
