"""What to do next: a cause is said only where a check shows it."""

from types import SimpleNamespace

from ordain.evaluation.decision.conformal import Covered
from ordain.evaluation.next_steps import _coverage


def steps(covered, *checks):
    findings = SimpleNamespace(covered={"price": covered}, checks=checks)
    return list(_coverage(SimpleNamespace(findings=findings)))


SHORT = Covered(
    level=0.9, coverage=0.7, low=0.66, high=0.74, size=1, n_rows=500, least=0.84, most=0.95
)


def test_short_coverage_names_a_cause_only_where_a_check_shows_it():
    (said,) = steps(SHORT)
    assert said.endswith("70.0% of the rows, not 90%: more than chance; why is not known.")
    (said,) = steps(SHORT, SimpleNamespace(name="drift", state="warned"))
    assert said.endswith("the check `drift` finds that rows differ.")


def test_coverage_that_the_validation_rows_allow_asks_for_nothing():
    assert not steps(SHORT.model_copy(update={"coverage": 0.86, "high": 0.89}))
