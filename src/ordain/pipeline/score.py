"""The ML Test Score of a run, from what its folder holds and what people have answered.

    ordain score RUN
    ordain score RUN --by-hand privacy="names are dropped at the source, reviewed in March"

Answers by hand stand in `by_hand.json` beside the runs of a name, so that they hold for the next
run too. See `ordain.evaluation.rubric` for the questions and their source.
"""

from __future__ import annotations

import datetime as dt
import getpass
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.core.files import read_json, write_json
from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.rubric import (
    AUTOMATED,
    BY_HAND,
    GROUPS,
    RUBRIC,
    Group,
    Question,
    meaning_of,
)
from ordain.evaluation.summary import RunSummary
from ordain.pipeline.result import Result
from ordain.store.home import home as work_folder
from ordain.store.predictions import read_predictions
from ordain.store.run_summary import read_summary
from ordain.store.runs import Run, Runs

FILE = "by_hand.json"
CI_FILES = (".github/workflows/*.y*ml", ".gitlab-ci.yml", ".circleci/config.yml", "Jenkinsfile")
CI_COMMANDS = ("ordain train", "ordain evaluate")
MOST_NAMED = 4

State = Literal["passed", "failed", "not applicable", "by hand", "not there yet"]
Answer = tuple[State, str]


@dataclass(frozen=True)
class Answered:
    """One question with its answer.

    Attributes:
        evidence: what says so, with numbers and names.
        points: 1 where it is passed by something that ran, 0.5 by hand, else 0.
    """

    question: Question
    state: State
    evidence: str
    points: float

    def earned_by(self, run: str = "RUN") -> str:
        """Return the command or key that would earn the whole point, or half of it by hand."""
        return self.question.earned_by.replace("RUN", run).replace("{name}", self.question.name)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.question.name,
            "group": self.question.group,
            "asks": self.question.asks,
            "state": self.state,
            "evidence": self.evidence,
            "points": self.points,
            "earned_by": "" if self.points == AUTOMATED else self.earned_by(),
        }


@dataclass(frozen=True)
class Score:
    """The ML Test Score of a run."""

    run: str
    answers: tuple[Answered, ...]

    @property
    def groups(self) -> dict[Group, float]:
        """Points by group, at most seven each; one that does not apply counts as earned."""
        return {
            group: sum(one.points for one in self.answers if one.question.group == group)
            for group in GROUPS
        }

    @property
    def total(self) -> float:
        """The least of the groups."""
        return min(self.groups.values())

    @property
    def meaning(self) -> str:
        """What the score says of the system."""
        return meaning_of(self.total)

    def to_json(self) -> dict[str, Any]:
        """Return what `score --json` prints."""
        return {
            "run": self.run,
            "score": self.total,
            "meaning": self.meaning,
            "groups": self.groups,
            "tests": [one.to_json() for one in self.answers],
        }


def score(
    run: str | Path | Run | Result,
    *,
    by_hand: Mapping[str, str] | None = None,
    home: Path | str | None = None,
) -> Score:
    """Return the ML Test Score of a run, after keeping answers by hand.

    Args:
        run: a result, or what commands take for RUN.
        by_hand: how a person made sure, by the name of the question; no text takes one away.
        home: the work folder.

    Raises:
        UsageError: no such run or question.
        StoreError: the run has not finished.
    """
    found = _run(run, home)
    evidence = _Evidence(found, read_summary(found))
    if by_hand:
        _keep(found, by_hand)
    kept = answers_by_hand(found)
    return Score(
        found.reference,
        tuple(_answered(question, evidence, kept.get(question.name)) for question in RUBRIC),
    )


def answers_by_hand(run: Run) -> dict[str, dict[str, str]]:
    """Return `text`, `who`, `when` and `run` of each question that a person has answered."""
    path = run.folder.parent / FILE
    return read_json(path) if path.exists() else {}


def _keep(run: Run, given: Mapping[str, str]) -> None:
    names = [question.name for question in RUBRIC]
    kept = answers_by_hand(run)
    for name, text in given.items():
        if name not in names:
            close = nearest(name, names)
            hint = f" Did you mean '{close}'?" if close else ""
            raise UsageError(f"there is no test '{name}'.{hint}\n  Possible: {', '.join(names)}")
        if not text.strip():
            kept.pop(name, None)
            continue
        kept[name] = {
            "text": text.strip(),
            "who": getpass.getuser(),
            "when": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "run": run.reference,
        }
    write_json(run.folder.parent / FILE, dict(sorted(kept.items())))


def _answered(question: Question, given: _Evidence, hand: Mapping[str, str] | None) -> Answered:
    ask = _ANSWERS.get(question.name)
    state, text = ask(given) if ask else _unanswered(question)
    if state in {"passed", "not applicable"}:
        return Answered(question, state, text, AUTOMATED)
    if hand is not None:
        said = f"{hand['text']} ({hand['who']}, {hand['when']}, at {hand['run']})"
        is_contradicted = state == "failed" and ask is not None
        more = f"; but what ran says: {text}" if is_contradicted else ""
        return Answered(question, "by hand", said + more, BY_HAND)
    return Answered(question, state, text, 0.0)


def _unanswered(question: Question) -> Answer:
    if question.is_awaited:
        return "not there yet", f"it waits for {question.is_awaited}, which is still to come"
    return "failed", "only a person can say, and nobody has"


@dataclass(frozen=True)
class _Evidence:
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


def _schema(given: _Evidence) -> Answer:
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


def _useful(given: _Evidence) -> Answer:
    tables = given.summary.findings.importance
    if not tables:
        return "failed", "importance was not measured"
    useful = {one.input for table in tables.values() for one in table.inputs if one.low > 0}
    idle = [name for name in given.summary.inputs if name not in useful]
    if idle:
        return "failed", f"no benefit is shown for {_named(idle)}"
    return "passed", f"shuffling any of the {len(useful)} inputs makes the loss larger for certain"


def _cost(given: _Evidence) -> Answer:
    looked = [one for one in given.diagnosis.values() if one.get("upkeep")]
    if not looked:
        return "failed", "what inputs cost beside their benefit was not measured"
    dear = [f["text"] for one in looked for f in one["findings"] if "upkeep" in f["name"]]
    if dear:
        return "failed", dear[0]
    return "passed", "time and bytes of every input stand beside its benefit"


def _feature_code(given: _Evidence) -> Answer:
    report = given.summary.findings.scenarios
    if report is not None:
        n_failed = sum(not one.passed for one in report.results)
        state: State = "failed" if n_failed else "passed"
        return state, f"{report.n_rows - n_failed} of {report.n_rows} scenarios hold"
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


def _versioned(given: _Evidence) -> Answer:
    git = given.run.lock.get("git")
    if not git:
        return "failed", "the config stands in no repository"
    if git.get("has_changes"):
        return "failed", f"trained with changes that commit {git['commit'][:8]} does not have"
    return "passed", f"commit {git['commit'][:8]}, without changes"


def _staleness(given: _Evidence) -> Answer:
    looked = [one["staleness"] for one in given.diagnosis.values() if one.get("staleness")]
    if looked:
        return "passed", "trained on older windows of the data: see `ordain diagnose`"
    return "failed", "no study with older windows was made; it takes a `datetime` split"


def _simpler(given: _Evidence) -> Answer:
    found = [
        one
        for output in given.summary.outputs.values()
        for one in next(iter(output.differences.values()), ())
    ]
    if not found:
        return "failed", "no baseline was trained"
    behind = [one.against for one in found if one.verdict != "better"]
    if behind:
        return "failed", f"not shown to be better than {_named(behind)}"
    return "passed", f"better than {_named([one.against for one in found])}, paired on each row"


def _slices(given: _Evidence) -> Answer:
    found = given.summary.findings
    all_ = [one for part in (found.slices, found.found_slices) for s in part.values() for one in s]
    if not all_:
        return "failed", "no slice is declared"
    worse = [one.name for one in all_ if one.verdict == "worse"]
    if worse:
        return "failed", f"worse than the rest: {_named(worse)}"
    return "passed", f"none of {len(all_)} slices is worse than the rest for certain"


def _inclusion(given: _Evidence) -> Answer:
    figures = [one for found in given.summary.findings.fairness.values() for one in found]
    if not figures:
        return "failed", "no protected column is declared"
    marked = [f"{one.figure} by {one.column}" for one in figures if one.is_marked]
    if marked:
        return "failed", f"groups differ in {_named(marked)}"
    return "passed", f"{len(figures)} figures differ by no more than chance"


def _reproducible(given: _Evidence) -> Answer:
    found = given.run.status.get("reproduced")
    if not found:
        return "failed", "the run was not trained again"
    if not found["same"]:
        return "failed", f"trained again it was not the same, {found['when']}"
    return "passed", f"the same, byte for byte, {found['when']}"


def _model_checked(given: _Evidence) -> Answer:
    checks = [one for one in given.checks() if one.state != "does not apply"]
    if not checks:
        return "failed", "no sanity check ran"
    failed = [one.name for one in checks if one.state == "failed"]
    if failed:
        return "failed", f"sanity checks failed: {_named(failed)}"
    return "passed", f"{len(checks)} sanity checks: {_named([one.name for one in checks])}"


def _pipeline_tested(given: _Evidence) -> Answer:
    if given.project is None:
        return "failed", "the config stands in no repository"
    for pattern in CI_FILES:
        for path in sorted(given.project.glob(pattern)):
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(command in text for command in CI_COMMANDS):
                return "passed", f"{path.relative_to(given.project)} runs it"
    return "failed", "no CI file of the repository calls `ordain train` or `ordain evaluate`"


def _gated(given: _Evidence) -> Answer:
    gates = given.summary.findings.gates
    if not gates:
        return "failed", "no gate is declared"
    failed = [one.name for one in gates if not one.passed]
    if failed:
        return "failed", f"not met: {_named(failed)}"
    return "passed", f"all {len(gates)} gates are met"


def _step_by_step(given: _Evidence) -> Answer:
    if not given.run.bundle.exists():
        return "failed", "the run has no bundle"
    return "passed", "`ordain trace` shows a row's values after each step"


def _stable(given: _Evidence) -> Answer:
    values = [value for entry in given.summary.history for value in _numbers(entry)]
    kept = read_predictions(given.run)
    n_bad = sum(not math.isfinite(value) for value in values)
    n_bad += sum(int((~np.isfinite(one.scores)).sum()) for one in kept.targets.values())
    if n_bad:
        return "failed", f"{n_bad:,} losses or scores are no finite numbers"
    n_scores = sum(one.scores.size for one in kept.targets.values())
    return "passed", f"{len(values):,} losses and {n_scores:,} scores of this run are finite"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        return [number for part in value.values() for number in _numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


_ANSWERS: dict[str, Callable[[_Evidence], Answer]] = {
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


def _run(reference: str | Path | Run | Result, home: Path | str | None) -> Run:
    if isinstance(reference, Result):
        return reference.run
    if isinstance(reference, Run):
        return reference
    return Runs(work_folder(home)).find(str(reference))
