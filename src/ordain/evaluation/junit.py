"""The conditions of a run as JUnit XML, which every CI server reads: one test case each.

    ordain train churn.yaml --junit report.xml

Gates, limits of `satisfy`, scenarios and sanity checks are suites of one file. A limit that does
not hold and a check that warns are told as such and fail nothing: gates stop a model.
Source: the format of Ant's JUnit task, as Jenkins, GitLab and GitHub actions read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.findings import Findings
from ordain.evaluation.gates import GateResult
from ordain.evaluation.scenarios import ScenarioReport
from ordain.evaluation.summary import RunSummary

Outcome = Literal["passed", "failure", "skipped"]

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True)
class _Case:
    name: str
    outcome: Outcome
    message: str
    detail: str = ""
    seconds: float = 0.0


def junit_xml(summary: RunSummary, findings: Findings) -> str:
    """Return the conditions of a run as the text of a JUnit file, UTF-8.

    Args:
        summary: of the run; names the suites.
        findings: with gates and limits judged.
    """
    suites = {
        "gates": [_of_gate(one) for one in findings.gates],
        "limits": [_of_limit(one) for one in findings.limits],
        "scenarios": _of_scenarios(findings.scenarios),
        "checks": [_of_check(one) for one in findings.checks],
    }
    kept = {name: cases for name, cases in suites.items() if cases}
    every = [case for cases in kept.values() for case in cases]
    root = ET.Element("testsuites", {"name": _text(summary.name), **_counts(every)})
    for name, cases in kept.items():
        suite = ET.SubElement(root, "testsuite", {"name": name, **_counts(cases)})
        for case in cases:
            _add(suite, case, f"{summary.name}.{name}")
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(suite: ET.Element, case: _Case, class_name: str) -> None:
    keys = {"name": case.name, "classname": class_name, "time": f"{case.seconds:.3f}"}
    element = ET.SubElement(suite, "testcase", {key: _text(value) for key, value in keys.items()})
    if case.outcome == "passed":
        ET.SubElement(element, "system-out").text = _text(case.message)
        return
    told = ET.SubElement(element, case.outcome, {"message": _text(case.message)})
    told.text = _text(case.detail) or None


def _of_gate(gate: GateResult) -> _Case:
    return _Case(gate.name, "passed" if gate.passed else "failure", gate.reason)


def _of_limit(limit: GateResult) -> _Case:
    if limit.passed:
        return _Case(limit.name, "passed", limit.reason)
    return _Case(limit.name, "skipped", f"does not hold: {limit.reason}")


def _of_scenarios(report: ScenarioReport | None) -> list[_Case]:
    return [
        _Case(
            one.name,
            "passed" if one.passed else "failure",
            "; ".join(one.failures) or "it holds",
            "\n".join(one.failures),
        )
        for one in (report.results if report else ())
    ]


def _of_check(check: CheckResult) -> _Case:
    outcomes: dict[str, Outcome] = {"passed": "passed", "failed": "failure"}
    name = f"{check.name} of {check.output}" if check.output else check.name
    fix = f"Fix: {check.fix}" if check.fix else ""
    state = "" if check.state in outcomes else f"{check.state}: "
    return _Case(
        name,
        outcomes.get(check.state, "skipped"),
        f"{state}{check.reason}",
        "\n".join(line for line in (check.question, check.reason, fix) if line),
        check.seconds,
    )


def _counts(cases: Sequence[_Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": "0",
        "skipped": str(_count(cases, "skipped")),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _count(cases: Iterable[_Case], outcome: Outcome) -> int:
    return sum(case.outcome == outcome for case in cases)


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("�", text)
