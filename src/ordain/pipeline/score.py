"""The ML Test Score of a run, from what its folder holds and what people have answered.

    ordain score RUN
    ordain score RUN --by-hand privacy="names are dropped at the source, reviewed in March"

Answers by hand stand in `by_hand.json` beside the runs of a name, so that they hold for the next
run too. See `ordain.evaluation.rubric` for the questions and their source.
"""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.core.files import read_json, write_json
from ordain.evaluation.rubric import (
    AUTOMATED,
    BY_HAND,
    GROUPS,
    HAND,
    RUBRIC,
    Group,
    Question,
    meaning_of,
)
from ordain.pipeline.result import Result
from ordain.pipeline.score_evidence import ANSWERS, Answer, Evidence, State
from ordain.store.home import home as work_folder
from ordain.store.run_summary import read_summary
from ordain.store.runs import Run, Runs

FILE = "by_hand.json"
COLUMNS = ("group", "name", "asks", "state", "points", "evidence", "earned_by")


@dataclass(frozen=True)
class Answered:
    """One question with its answer.

    Attributes:
        evidence: what says so, with numbers and names.
        points: 1 where it is passed by something that ran, 0.5 by hand, else 0.
        fix: what would earn more, where it is not what the rubric says.
    """

    question: Question
    state: State
    evidence: str
    points: float
    fix: str = ""

    def earned_by(self, run: str = "RUN") -> str:
        """Return what would earn more points; nothing where no more can be earned now."""
        if self.points == AUTOMATED:
            return ""
        told = self.fix or self.question.earned_by
        if self.state == "by hand" and HAND in told:
            return ""
        return told.replace("RUN", run).replace("{name}", self.question.name)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.question.name,
            "group": self.question.group,
            "asks": self.question.asks,
            "state": self.state,
            "evidence": self.evidence,
            "points": self.points,
            "earned_by": self.earned_by(),
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
    def frame(self) -> pl.DataFrame:
        """One row for each question: its group, state, points, evidence, and what earns more."""
        kinds = {name: pl.Float64 if name == "points" else pl.String for name in COLUMNS}
        rows = [one.to_json() for one in self.answers]
        return pl.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], schema=kinds)

    def _repr_html_(self) -> str:
        said = f"ML Test Score {self.total:g}: {self.meaning}"
        return f"<p><strong>{said}</strong></p>{self.frame._repr_html_()}"

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
    evidence = Evidence(found, read_summary(found))
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


def _answered(question: Question, given: Evidence, hand: Mapping[str, str] | None) -> Answered:
    ask = ANSWERS.get(question.name)
    found = ask(given) if ask else _unanswered(question)
    state, text = found[0], found[1]
    fix = found[2] if len(found) == 3 else ""  # noqa: PLR2004 - the fix is the third
    if state in {"passed", "not applicable"}:
        return Answered(question, state, text, AUTOMATED)
    if hand is not None:
        said = f"{hand['text']} ({hand['who']}, {hand['when']}, at {hand['run']})"
        is_contradicted = state == "failed" and ask is not None
        more = f"; but what ran says: {text}" if is_contradicted else ""
        return Answered(question, "by hand", said + more, BY_HAND, fix)
    return Answered(question, state, text, 0.0, fix)


def _unanswered(question: Question) -> Answer:
    if question.is_awaited:
        return "not there yet", f"it waits for {question.is_awaited}, which is still to come"
    return "failed", "only a person can say, and nobody has"


def _run(reference: str | Path | Run | Result, home: Path | str | None) -> Run:
    if isinstance(reference, Result):
        return reference.run
    if isinstance(reference, Run):
        return reference
    return Runs(work_folder(home)).find(str(reference))
