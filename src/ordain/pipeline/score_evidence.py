"""What a run's folder says to each question of the ML Test Score, and what would earn more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ordain.core.files import read_json
from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.diagnosis.advice import USELESS
from ordain.evaluation.rubric import HAND
from ordain.evaluation.summary import RunSummary
from ordain.store.predictions import read_predictions
from ordain.store.runs import Run

CI_FILES = (".github/workflows/*.y*ml", ".gitlab-ci.yml", ".circleci/config.yml", "Jenkinsfile")
CI_COMMANDS = ("ordain train", "ordain evaluate")
MOST_NAMED = 4

State = Literal["passed", "failed", "not applicable", "by hand", "not there yet"]
Answer = tuple[State, str] | tuple[State, str, str]
"""The state, the evidence, and what would earn it where that is not what the rubric says."""


@dataclass(frozen=True)
class Evidence:
    """What the folder of a run says."""

    run: Run
    summary: RunSummary

    @cached_property
    def written(self) -> dict[str, Any]:
        """The config as the user wrote it."""
        import yaml

        text = (self.run.folder / "written.yaml").read_text(encoding="utf-8")
        found = yaml.safe_load(text)
        return found if isinstance(found, dict) else {}

    @cached_property
    def diagnosis(self) -> dict[str, Any]:
        """What `ordain diagnose` kept, by output; empty where it has not run."""
        path = self.run.folder / "diagnosis.json"
        return dict(read_json(path).get("outputs", {})) if path.exists() else {}

    @cached_property
    def project(self) -> Path | None:
        """The folder of the repository that the config stands in, or None."""
        path = self.run.folder / "inputs.json"
        folder = Path(read_json(path)["folder"]) if path.exists() else None
        places = [] if folder is None else [folder, *folder.parents]
        return next((place for place in places if (place / ".git").exists()), None)

    def checks(self, *names: str) -> list[CheckResult]:
        """Return the results of sanity checks, of some or all."""
        found = self.summary.findings.checks
        return [one for one in found if not names or one.name in names]


def _schema(given: Evidence) -> Answer:
    written = given.written.get("input_features")
    n_columns = len(given.summary.inputs)
    if written in (None, "all"):
        return "failed", f"`input_features` is 'all': the {n_columns} columns were inferred"
    n_typed = sum(_is_typed(one) for one in _features(written))
    if n_typed < n_columns:
        return "failed", f"{n_columns - n_typed} of {n_columns} columns have no declared type"
    return "passed", f"{n_columns} columns with types; rows that lack one are refused"


def _features(written: Any) -> list[Any]:
    if isinstance(written, dict):
        return [{"name": name, "type": kind} for name, kind in written.items()]
    return list(written)


def _is_typed(one: Any) -> bool:
    kind = one.get("type") if isinstance(one, dict) else None
    kind = kind.get("type") if isinstance(kind, dict) else kind
    return kind not in (None, "auto")


def _useful(given: Evidence) -> Answer:
    tables = given.summary.findings.importance
    if not tables:
        return "failed", "importance was not measured"
    useful = {one.input for table in tables.values() for one in table.inputs if one.low > 0}
    idle = [name for name in given.summary.inputs if name not in useful]
    if idle:
        fix = "leave them out, or let `ordain explain RUN --leave-one-out` show what each brings"
        return "failed", f"no benefit is shown for {_named(idle)}", fix
    return "passed", f"shuffling any of the {len(useful)} inputs makes the loss larger for certain"


def _cost(given: Evidence) -> Answer:
    looked = [one for one in given.diagnosis.values() if one.get("upkeep")]
    if not looked:
        return "failed", "what inputs cost beside their benefit was not measured"
    dear = [f["text"] for one in looked for f in one["findings"] if f["name"] == USELESS]
    if dear:
        fix = "ordain apply-patch CONFIG PATCH, with the patch of `ordain diagnose RUN`"
        return "failed", dear[0], fix
    return "passed", "time and bytes of every input stand beside its benefit"


def _feature_code(given: Evidence) -> Answer:
    report = given.summary.findings.scenarios
    if report is not None:
        n_failed = sum(not one.passed for one in report.results)
        told = f"{report.n_rows - n_failed} of {report.n_rows} scenarios hold"
        if n_failed:
            return (
                "failed",
                told,
                "mend the model or the scenarios that do not hold; see the report",
            )
        return "passed", told
    own = _own_components(given.written)
    derived = list((given.written.get("data") or {}).get("columns") or {})
    if own or derived:
        return "failed", f"nothing tests {_named([*own, *derived])}"
    return "not applicable", "no code of the project makes inputs; golden rows test Ordain's own"


def _own_components(value: Any) -> list[str]:
    """Return every ``module:Class`` that a config names as a type."""
    if isinstance(value, dict):
        own = value.get("type")
        here = [own] if isinstance(own, str) and ":" in own else []
        return here + [name for part in value.values() for name in _own_components(part)]
    if isinstance(value, list):
        return [name for part in value for name in _own_components(part)]
    return []


def _versioned(given: Evidence) -> Answer:
    git = given.run.lock.get("git")
    if not git:
        return "failed", "the config stands in no repository"
    if git.get("has_changes"):
        return "failed", f"trained with changes that commit {git['commit'][:8]} does not have"
    return "passed", f"commit {git['commit'][:8]}, without changes"


def _staleness(given: Evidence) -> Answer:
    looked = [one.get("staleness") for one in given.diagnosis.values()]
    if any(one and one.get("windows") for one in looked):
        return "passed", "trained on older windows of the data: see `ordain diagnose`"
    if any(looked):
        return (
            "failed",
            "no study with older windows could be made; it takes a column of dates",
            HAND,
        )
    return "failed", "no study with older windows was made; it takes a column of dates"


def _simpler(given: Evidence) -> Answer:
    found = [
        one
        for output in given.summary.outputs.values()
        for one in next(iter(output.differences.values()), ())
    ]
    if not found:
        return "failed", "no baseline was trained"
    behind = [one.against for one in found if one.verdict != "better"]
    if behind:
        fix = "take the simpler model, or see `ordain diagnose RUN`"
        return "failed", f"not shown to be better than {_named(behind)}", fix
    return "passed", f"better than {_named([one.against for one in found])}, paired on each row"


def _slices(given: Evidence) -> Answer:
    found = given.summary.findings
    all_ = [one for part in (found.slices, found.found_slices) for s in part.values() for one in s]
    if not all_:
        return "failed", "no slice is declared"
    worse = [one.name for one in all_ if one.verdict == "worse"]
    if worse:
        fix = "add rows or inputs that tell these apart; see the worst slices of the report"
        return "failed", f"worse than the rest: {_named(worse)}", fix
    return "passed", f"none of {len(all_)} slices is worse than the rest for certain"


def _inclusion(given: Evidence) -> Answer:
    figures = [one for found in given.summary.findings.fairness.values() for one in found]
    if not figures:
        return "failed", "no protected column is declared"
    marked = [f"{one.figure} by {one.column}" for one in figures if one.is_marked]
    if marked:
        fix = "mend the difference, or write down why it is right: " + HAND
        return "failed", f"groups differ in {_named(marked)}", fix
    return "passed", f"{len(figures)} figures differ by no more than chance"


def _reproducible(given: Evidence) -> Answer:
    found = given.run.status.get("reproduced")
    if not found:
        return "failed", "the run was not trained again"
    if not found["same"]:
        fix = "see what `ordain reproduce RUN` names: package versions, threads, the machine"
        return "failed", f"trained again it was not the same, {found['when']}", fix
    return "passed", f"the same, byte for byte, {found['when']}"


def _model_checked(given: Evidence) -> Answer:
    checks = [one for one in given.checks() if one.state != "does not apply"]
    if not checks:
        return "failed", "no sanity check ran"
    failed = [one.name for one in checks if one.state == "failed"]
    if failed:
        fix = "mend what the report says of each check that failed"
        return "failed", f"sanity checks failed: {_named(failed)}", fix
    return "passed", f"{len(checks)} sanity checks: {_named([one.name for one in checks])}"


def _pipeline_tested(given: Evidence) -> Answer:
    if given.project is None:
        return "failed", "the config stands in no repository"
    for pattern in CI_FILES:
        for path in sorted(given.project.glob(pattern)):
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(command in text for command in CI_COMMANDS):
                return "passed", f"{path.relative_to(given.project)} runs it"
    return "failed", "no CI file of the repository calls `ordain train` or `ordain evaluate`"


def _gated(given: Evidence) -> Answer:
    gates = given.summary.findings.gates
    if not gates:
        return "failed", "no gate is declared"
    failed = [one.name for one in gates if not one.passed]
    if failed:
        return "failed", f"not met: {_named(failed)}", "make the model meet its gates"
    return "passed", f"all {len(gates)} gates are met"


def _step_by_step(given: Evidence) -> Answer:
    if not given.run.bundle.exists():
        return "failed", "the run has no bundle"
    return "passed", "`ordain trace` shows a row's values after each step"


def _stable(given: Evidence) -> Answer:
    values = [value for entry in given.summary.history for value in _numbers(entry)]
    kept = read_predictions(given.run)
    n_bad = sum(not math.isfinite(value) for value in values)
    n_bad += sum(int((~np.isfinite(one.scores)).sum()) for one in kept.targets.values())
    if n_bad:
        fix = "ordain diagnose RUN; then a lower `trainer.learning_rate`, or other `normalization`"
        return "failed", f"{n_bad:,} losses or scores are no finite numbers", fix
    n_scores = sum(one.scores.size for one in kept.targets.values())
    return "passed", f"{len(values):,} losses and {n_scores:,} scores of this run are finite"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        return [number for part in value.values() for number in _numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


ANSWERS: dict[str, Callable[[Evidence], Answer]] = {
    "data_schema": _schema,
    "useful_features": _useful,
    "feature_cost": _cost,
    "feature_code": _feature_code,
    "versioned_config": _versioned,
    "staleness": _staleness,
    "simpler_model": _simpler,
    "slices": _slices,
    "inclusion": _inclusion,
    "reproducible": _reproducible,
    "model_checked": _model_checked,
    "pipeline_tested": _pipeline_tested,
    "quality_gate": _gated,
    "step_by_step": _step_by_step,
    "numerically_stable": _stable,
}


def _named(names: list[str]) -> str:
    plain = dict.fromkeys(name.replace("`", "") for name in names[:MOST_NAMED])
    shown = ", ".join(f"`{name}`" for name in plain)
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
