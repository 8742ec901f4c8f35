"""Conditions, sanity checks and scenarios, each with its answer."""

from __future__ import annotations

from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.report.html import Html, code_words, join, tag
from ordain.evaluation.report.tables import badge, cell, header, sortable
from ordain.evaluation.scenarios import ScenarioReport
from ordain.evaluation.summary import RunSummary

ORDER = ("failed", "warned", "passed", "does not apply")
MAX_SCENARIOS = 200


def checking(summary: RunSummary) -> Html | None:
    """Return all checks and scenarios."""
    findings = summary.findings
    parts = [
        _checks(findings.checks) if findings.checks else None,
        _scenarios(findings.scenarios) if findings.scenarios else None,
    ]
    return join(parts) if any(parts) else None


def _checks(checks: tuple[CheckResult, ...]) -> Html:
    ordered = sorted(checks, key=lambda one: ORDER.index(one.state))
    has_output = len({one.output for one in checks if one.output}) > 1
    has_fix = any(one.fix for one in checks)
    head = [
        header("state"),
        header("question"),
        *([header("output")] if has_output else []),
        header("answer"),
        *([header("what to change")] if has_fix else []),
    ]
    rows = (
        tag(
            "tr",
            tag("td", badge(one.state), data_value=ORDER.index(one.state)),
            tag("td", code_words(one.question), title=one.name, data_value=one.question),
            cell(one.output) if has_output else None,
            tag("td", code_words(one.reason), data_value=one.reason),
            tag("td", tag("code", one.fix) if one.fix else None, data_value=one.fix)
            if has_fix
            else None,
        )
        for one in ordered
    )
    words = (
        "Questions that are asked of every training. A failed check means that the numbers of this "
        "page, or the model, must not be trusted before it is settled."
    )
    return tag("div", sortable(head, rows, caption="Sanity checks", kind="prose"),
               tag("p", words, class_="hint"), class_="card")  # fmt: skip


def _scenarios(report: ScenarioReport) -> Html:
    ordered = sorted(report.results, key=lambda one: one.passed)[:MAX_SCENARIOS]
    head = [header("state"), header("scenario"), header("what does not hold")]
    rows = (
        tag(
            "tr",
            tag("td", badge("passed" if one.passed else "failed"), data_value=int(one.passed)),
            cell(one.name),
            tag("td", *(tag("div", code_words(text)) for text in one.failures)),
        )
        for one in ordered
    )
    file = f" of {report.file}" if report.file else ""
    caption = f"Scenarios{file}: {report.n_rows - report.n_failed} of {report.n_rows} hold."
    return tag("div", sortable(head, rows, caption=caption, kind="prose"), class_="card")
