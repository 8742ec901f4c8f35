"""What continuous integration reads: JUnit XML, and Markdown for a pull request."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from judged_runs import NASTY, summary_of
from subjects import binary_target

from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.findings import Findings
from ordain.evaluation.gates import GateResult
from ordain.evaluation.junit import junit_xml
from ordain.evaluation.pull_request import markdown_summary
from ordain.evaluation.scenarios import ScenarioReport, ScenarioResult
from ordain.evaluation.slices.cuts import Cut
from ordain.evaluation.slices.judged import judge_slices


def findings(**changes):
    random = np.random.default_rng(0)
    rows = np.arange(1_000)
    scores = random.random(1_000)
    truth = np.where(rows < 200, random.random(1_000) < 0.5, random.random(1_000) < scores)
    cuts = [Cut(f"a|b = '{NASTY}'", "a|b", "", rows < 200), Cut("fine", "fine", "", rows > 500)]
    given = {
        "set": "test",
        "gates": (
            GateResult(name="roc_auc at least 0.8", passed=True, value=0.9, reason="it is 0.9"),
            GateResult(name=f"{NASTY} | `x`", passed=False, reason="`roc_auc` is 0.7, 0.1 outside"),
        ),
        "limits": (GateResult(name="ece", passed=False, reason="`ece` is 0.2"),),
        "scenarios": ScenarioReport(
            file="c.csv",
            n_rows=2,
            n_failed=1,
            results=(
                ScenarioResult(name="new", passed=True),
                ScenarioResult(name="old\x00 & <b>", passed=False, failures=("`y` is 'a'", "b")),
            ),
        ),
        "checks": (
            CheckResult(name="leak", question="Does it leak?", state="failed", reason="`x` tells",
                        fix="drop x", output="churn", seconds=0.25),
            CheckResult(name="balance", question="?", state="warned", reason="rare"),
            CheckResult(name="shape", question="?", state="passed", reason="fine"),
            CheckResult(name="moved", question="?", state="does not apply", reason="no network"),
        ),
        "slices": {"churn": judge_slices(binary_target(truth, scores), cuts, metrics=["log_loss"])},
    }  # fmt: skip
    return Findings.model_validate({**given, **changes})


@pytest.fixture
def tree():
    return ET.fromstring(junit_xml(summary_of(), findings()).encode())


def case(tree, name):
    return next(one for one in tree.iter("testcase") if one.get("name") == name)


def test_every_condition_is_a_test_case(tree):
    suites = {suite.get("name"): suite for suite in tree}
    assert list(suites) == ["gates", "limits", "scenarios", "checks"]
    assert {name: len(suite) for name, suite in suites.items()} == {
        "gates": 2,
        "limits": 1,
        "scenarios": 2,
        "checks": 4,
    }
    assert (tree.get("tests"), tree.get("failures"), tree.get("skipped")) == ("9", "3", "3")
    assert suites["checks"].get("time") == "0.250"


def test_a_gate_that_is_not_met_fails_with_its_reason(tree):
    failure = case(tree, f"{NASTY} | `x`").find("failure")
    assert failure.get("message") == "`roc_auc` is 0.7, 0.1 outside"
    assert case(tree, "roc_auc at least 0.8").find("system-out").text == "it is 0.9"


def test_a_limit_and_a_warning_fail_nothing(tree):
    assert case(tree, "ece").find("skipped").get("message") == "does not hold: `ece` is 0.2"
    assert case(tree, "balance").find("skipped").get("message") == "warned: rare"


def test_a_check_that_failed_says_how_to_mend_it(tree):
    assert case(tree, "leak of churn").find("failure").text == (
        "Does it leak?\n`x` tells\nFix: drop x"
    )


def test_characters_that_xml_cannot_hold_are_replaced(tree):
    assert case(tree, "old� & <b>").find("failure").get("message") == "`y` is 'a'; b"


def test_a_run_without_conditions_is_an_empty_file():
    tree = ET.fromstring(junit_xml(summary_of(), Findings()).encode())
    assert (len(tree), tree.get("tests")) == (0, "0")


def test_the_first_lines_say_whether_it_may_ship():
    text = markdown_summary(summary_of(name="demo"), findings())
    assert text.startswith("### demo: 1 of 2 gates not met\n\n**churn** ")
    met = findings(gates=findings().gates[:1])
    assert "### demo: all gates met" in markdown_summary(summary_of(name="demo"), met)
    assert markdown_summary(summary_of(name="demo"), Findings()).startswith("### demo\n")


def test_metrics_stand_with_intervals_beside_the_baselines():
    text = markdown_summary(summary_of(), findings())
    assert "| `churn` on `test` | this model | `prior` | `linear` |" in text
    assert re.search(r"\| roc\\_auc ↑ \| \*\*0\.\d+\*\* \(0\.\d+ to 0\.\d+\) \| 0\.5000 \|", text)
    assert re.search(r"\| rmse ↓ \| \*\*", text)


def test_worst_slices_failed_scenarios_and_checks_are_told():
    text = markdown_summary(summary_of(), findings())
    assert "Worst slices of `churn`" in text
    assert "200 (20.0%)" in text
    assert "| fine |" not in text
    assert "1 of 2 scenarios hold." in text
    assert "| leak | failed | `x` tells | drop x |" in text
    assert "| balance | warned |" in text
    assert "| shape |" not in text


def test_every_line_of_a_table_has_the_same_cells():
    text = markdown_summary(summary_of(), findings())
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_nobody_is_called():
    text = markdown_summary(summary_of(warnings=("ask @octocat",)), findings())
    assert "@octocat" not in text


def test_names_cannot_become_markup():
    text = markdown_summary(summary_of(), findings())
    outside = re.sub(r"`[^`\n]*`", "", text.replace("<details><summary>", ""))
    assert not re.search(r"(?<!\\)<script", outside)
    assert "&lt;script>" in text


def test_a_comment_is_never_too_long():
    warnings = tuple(f"warning {n} " + "x" * 200 for n in range(1_000))
    text = markdown_summary(summary_of(warnings=warnings), findings())
    assert len(text) < 65_536
    assert text.endswith("Shortened; the report has the rest.\n")
