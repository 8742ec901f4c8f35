"""The contract of a sanity check: a question about a training, answered yes, no or does not apply.

The smallest working one:

    @CHECKS.register
    class Balance(Check):
        '''Is no class rarer than one in a thousand?'''

        type: Literal["balance"] = "balance"

        def run(self, training):
            ...
            return self.passed("the rarest class is 1 in 12")
"""

from __future__ import annotations

import inspect
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from ordain.core.component import Component, Registry
from ordain.evaluation.judgement import OutputSummary, Record
from ordain.evaluation.subject import Subject

BROKE_OFF = "the check broke off"
"""How the reason of a check that raised an error begins."""

State = Literal["passed", "failed", "warned", "does not apply"]


class CheckResult(Record):
    """The answer of one check."""

    name: str
    question: str
    state: State
    reason: str
    """In words, with the numbers."""
    fix: str = ""
    """What to change in the config, where something is wrong."""
    output: str = ""
    """The output it is about, where it is about one."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Training:
    """What a check may look at; `ordain.pipeline.checking` makes it at the end of a run.

    Attributes:
        train: a sample of the training rows; its frame holds all columns of the table that a
            person can read, inputs or not.
        test: a sample of the deciding set's rows, likewise.
        judged: metrics, baselines and differences, by output.
        family: of the model.
        families: of the baselines in `judged`, by name; one that is not there is of its own name.
        split: report of the split, as `ordain.data.split_report` gives it: `duplicates`, `drift`.
        splitter: type of the split, such as `random`; empty where sets were given as files.
        split_columns: columns that the split goes by.
        dates: columns of the frames that hold dates or moments.
        seen: ``seen(column)``: share of the deciding set's rows whose value of a column stands in
            training too, of all rows; None where only the samples can say.
        trials: what the family measured when asked to (`Family.trials`); asked once.
    """

    train: Subject
    test: Subject
    judged: Mapping[str, OutputSummary]
    family: str = ""
    families: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    splitter: str = "random"
    split_columns: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    seen: Callable[[str], float] | None = None
    trials: Callable[[], Mapping[str, Any]] = dict

    @cached_property
    def tried(self) -> Mapping[str, Any]:
        """What the trials gave."""
        return self.trials()


class Check(Component):
    """Asks one question; its docstring's first line is the question."""

    is_told: ClassVar[bool] = False
    """Whether a warning is said when training ends, as a failure is, and not in the report alone:
    for what makes every figure of the judgement too good."""

    @abstractmethod
    def run(self, training: Training) -> list[CheckResult]:
        """Return the answers, one for each output it is about, or one; must take under a second."""

    @property
    def question(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(type(self)) or "").split("\n", 1)[0]

    def passed(self, reason: str, **more: Any) -> CheckResult:
        """Return that all is well."""
        return self._result("passed", reason, **more)

    def failed(self, reason: str, *, fix: str, **more: Any) -> CheckResult:
        """Return that the model or its judgement must not be trusted."""
        return self._result("failed", reason, fix=fix, **more)

    def warned(self, reason: str, *, fix: str = "", **more: Any) -> CheckResult:
        """Return that a person ought to look."""
        return self._result("warned", reason, fix=fix, **more)

    def idle(self, reason: str, **more: Any) -> CheckResult:
        """Return that the question does not apply."""
        return self._result("does not apply", reason, **more)

    def _result(self, state: State, reason: str, **more: Any) -> CheckResult:
        return CheckResult(
            name=self.type, question=self.question, state=state, reason=reason, **more
        )


CHECKS: Registry[Check] = Registry("check", Check, package="ordain.evaluation.checks")


Wanted = str | Mapping[str, Any]
"""A check as a user names it: its type, or a mapping of its keys with `type`."""


def run_checks(
    training: Training,
    wanted: bool | Sequence[Wanted] = True,  # noqa: FBT001, FBT002 - as the config says it
) -> tuple[CheckResult, ...]:
    """Return the answers of all checks, or of those named.

    A check that breaks off answers `does not apply` with the error: it must not cost a training
    that has ended well.

    Raises:
        UsageError: there is no such check.
    """
    found: list[CheckResult] = []
    for check in chosen_checks(wanted):
        started = time.perf_counter()
        try:
            answers = check.run(training)
        except Exception as error:  # noqa: BLE001 - any; a plugin's check may raise anything
            answers = [check.idle(f"{BROKE_OFF}: {type(error).__name__}: {error}")]
        seconds = round(time.perf_counter() - started, 3)
        found += [answer.model_copy(update={"seconds": seconds}) for answer in answers]
    return tuple(found)


def chosen_checks(wanted: bool | Sequence[Wanted]) -> list[Check]:  # noqa: FBT001 - as above
    """Return the checks that `evaluation.checks` asks for.

    Raises:
        UsageError: there is no such check; the message lists those that are.
    """
    if wanted is False:
        return []
    names = CHECKS.names() if wanted is True else wanted
    return [CHECKS.build(name) for name in names]
