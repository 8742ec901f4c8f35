import re

import yaml
from judged_runs import NASTY, summary_of

from ordain.evaluation.card import model_card


def test_front_matter_is_yaml_with_what_hubs_read(summary):
    head = yaml.safe_load(model_card(summary).split("---\n")[1])
    assert head["library_name"] == "ordain"
    assert head["pipeline_tag"] == "tabular-classification"
    assert head["tags"][:2] == ["ordain", "gbm"]
    assert head["metrics"] == ["roc_auc", "accuracy", "r2"]
    results = head["model-index"][0]["results"]
    assert results[0]["metrics"][0]["type"] == "roc_auc"
    assert isinstance(results[0]["metrics"][0]["value"], float)


def test_card_names_limits_it_found(summary):
    card = model_card(summary)
    assert "Column `tenure` is missing in 30% of the training rows." in card
    assert "2 ragged lines" in card


def test_card_says_where_a_baseline_is_not_beaten():
    outputs = summary_of().outputs
    churn = outputs["churn"]
    twin = churn.differences["test"][0].model_copy(update={"verdict": "cannot tell"})
    churn = churn.model_copy(update={"differences": {"test": (twin,)}})
    card = model_card(summary_of(outputs={"churn": churn}))
    assert "For `churn` the model is not shown to be better than `prior`." in card


def test_equal_runs_give_equal_cards_without_times_or_run(summary):
    other = summary.model_copy(update={"run": "r2", "seconds": {"train": 9.0}, "lock": {}})
    assert model_card(other) == model_card(summary)


def test_card_declares_that_the_intended_use_is_not_said(summary):
    assert "*Not said yet.*" in model_card(summary)
    assert "*Not said yet.*" not in model_card(summary, description="To call customers.")


def test_names_do_not_break_the_tables(summary):
    card = model_card(summary)
    prose = re.sub(r"```.*?```|`[^`]*`", "", card.split("---\n", 2)[2], flags=re.DOTALL)
    assert "<script" not in prose
    assert NASTY in card  # inside code, where it is text
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert rows


def test_python_example_shows_the_columns(summary):
    card = model_card(summary, example={"tenure": 12})
    assert "model.predict_row({'tenure': 12," in card


def test_card_tells_decisions_slices_fairness_importance_and_failed_checks(full):
    card = model_card(full)
    for expected in (
        "`churn` is called positive from a probability of 0.3100 on.",
        "it held in 80.0% (77.0% to 83.0%)",
        "No answer is given for `churn` below a confidence of 0.7000.",
        "| city = 'c1' | 31 | 0.5100 |",
        "| gender | selection rate yes | 0.4000 | 0.2000 to 0.6000 | 0.3300 | marked |",
        "`input 1`",
        "- A sanity check failed:",
        "holds the truth less often than 90%",
        "| people | 0.9900 |",
    ):
        assert expected in card


def test_card_holds_nothing_that_is_timed(full):
    slower = [one.model_copy(update={"seconds": 9.0}) for one in full.findings.checks]
    findings = full.findings.model_copy(
        update={"checks": tuple(slower), "figures": {"latency_ms": 7.0}}
    )
    other = full.model_copy(update={"findings": findings, "run": "r2", "seconds": {}})
    assert model_card(other) == model_card(full)
    assert "latency" not in model_card(full)
