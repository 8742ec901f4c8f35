"""The one structure that the report, the card, the tables and `metrics.json` are made from.

Whoever ran the training fills a `RunSummary`; everything in it is plain data, so that a run folder
can keep it (`summary.to_json()`) and a report can be drawn again (`RunSummary.model_validate`).
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ordain.evaluation.diagnosis.record import Diagnosis
from ordain.evaluation.findings import Findings
from ordain.evaluation.judgement import Judgement, OutputSummary, Record


class RunSummary(Record):
    """One run, judged.

    Nothing here but `run`, `seconds`, `account` and `lock` may differ between equal runs.
    """

    name: str
    """Of the config."""
    run: str = ""
    """Identifier of the run."""
    family: str
    """Type name of the model family."""
    project: dict[str, str] = Field(default_factory=dict)
    """What the config says of the project: `goal`, `owner`, where they are declared."""
    outputs: dict[str, OutputSummary] = Field(default_factory=dict)
    """By output column; see `ordain.evaluation.evaluate.judge_output`."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Type by input column, in the order of the config."""
    history: tuple[dict[str, Any], ...] = ()
    """One mapping an epoch or boosting round: `epoch` (or `step`), then losses and metrics such as
    `train_loss`, `validation_loss`; nested mappings are read as dotted names."""
    model: dict[str, Any] = Field(default_factory=dict)
    """What the model chose while learning (`FittedModel.facts`)."""
    read: dict[str, Any] = Field(default_factory=dict)
    """What reading found (`ReadReport.to_json`)."""
    split: dict[str, Any] = Field(default_factory=dict)
    """Sizes of the sets under `sizes` (rows by name), then facts of the splitter."""
    features: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Facts of each encoding by column (`Encoding.facts`)."""
    human: dict[str, float] = Field(default_factory=dict)
    """What people reach on this task, by metric, as the config says it."""
    findings: Findings = Field(default_factory=Findings)
    """Slices, importance, errors, checks, gates on the deciding set."""
    diagnosis: Diagnosis | None = None
    """What holds the model back: a first look, or what `ordain diagnose` found."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why each automatic value of the config was chosen, by dotted key."""
    config: str = ""
    """The filled config as YAML."""
    lock: dict[str, Any] = Field(default_factory=dict)
    """What reproduces the run: fingerprints, seed, versions, machine."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall time by stage."""
    account: dict[str, float] = Field(default_factory=dict)
    """What the run came to so far: `seconds`; `cost` and `energy_joules` where they are known."""
    bottleneck: str = ""
    """One sentence on what took longest."""
    cross_validation: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    """By output and metric: `mean`, `sd`, `interval` and `folds`; empty without folds."""
    rows_per_second: float | None = None
    """Rows trained on in a second."""
    warnings: tuple[str, ...] = ()
    """What a person must know before trusting the model."""

    @property
    def verdict(self) -> str:
        """The verdict in words, a line for each output."""
        if len(self.outputs) == 1:
            return next(iter(self.outputs.values())).verdict
        return "\n".join(f"`{name}`: {output.verdict}" for name, output in self.outputs.items())

    def _repr_html_(self) -> str:
        from ordain.evaluation.notebook import summary_html

        return summary_html(self)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """Warnings of the run, then those of judging, with the set and output they are about."""
        found = list(self.warnings)
        for name, output in self.outputs.items():
            for set_name, judgement in output.sets.items():
                found += [f"`{name}` on `{set_name}`: {text}" for text in judgement.warnings]
        return tuple(dict.fromkeys(found))


def metrics_json(summary: RunSummary) -> dict[str, Any]:
    """Return the machine form of the judgement, the content of `metrics.json`.

    ``{"metrics": {set: {output: {metric: value or null}}}, "baselines": {name: the same},
    "undefined": {set: {output: {metric: why}}}, "headline": {output: metric},
    "intervals": {set: {output: {metric: {low, high, level, method}}}},
    "verdict": {output: words}}``
    """
    outputs = summary.outputs
    baselines: dict[str, dict[str, dict[str, Judgement]]] = {}
    for output_name, output in outputs.items():
        for name, sets in output.baselines.items():
            baselines.setdefault(name, {})[output_name] = sets
    own = {name: output.sets for name, output in outputs.items()}
    return {
        "metrics": _by_set(own, lambda judgement: dict(judgement.metrics)),
        "baselines": {
            name: _by_set(judged, lambda judgement: dict(judgement.metrics))
            for name, judged in baselines.items()
        },
        "undefined": _by_set(own, lambda judgement: dict(judgement.undefined)),
        "intervals": _by_set(
            own,
            lambda judgement: {
                metric: interval.to_json() for metric, interval in judgement.intervals.items()
            },
        ),
        "headline": {name: output.headline for name, output in outputs.items()},
        "verdict": {name: output.verdict for name, output in outputs.items()},
    }


def _by_set(
    judged: dict[str, dict[str, Judgement]], value: Any
) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for output, sets in judged.items():
        for set_name, judgement in sets.items():
            content = value(judgement)
            if content:
                found.setdefault(set_name, {})[output] = content
    return found
