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
    lock = {"seed": 42, "machine": {"cores": 99}}
    other = summary.model_copy(update={"run": "r2", "seconds": {"train": 9.0}, "lock": lock})
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


def test_card_has_a_column_for_the_ratio_of_fairness(full):
    lines = model_card(full).splitlines()
    head = next(line for line in lines if line.startswith("| column | figure | gap |"))
    place = [cell.strip() for cell in head.split("|")].index("ratio")
    row = next(line for line in lines if line.startswith("| gender | selection rate"))
    assert [cell.strip() for cell in row.split("|")][place] == "0.3300"


def test_card_tells_that_no_answer_is_given_only_where_one_is_withheld(full):
    decided = full.findings.decided["churn"]
    always = decided.model_copy(
        update={"decision": decided.decision.model_copy(update={"answer_from": None})}
    )
    findings = full.findings.model_copy(update={"decided": {"churn": always}})
    assert "No answer is given for `churn` below a confidence of 0.7000." in model_card(full)
    assert "No answer is given" not in model_card(full.model_copy(update={"findings": findings}))


def test_card_lists_gates_with_what_was_measured_and_leaves_timed_ones_to_the_report(full):
    card = model_card(full)
    assert "**1 of 1 gates are not met: not to ship as it is.**" in card
    row = next(line for line in card.splitlines() if line.startswith("| **not met** | gate |"))
    assert "| 0.9500 | 0.9300 to 0.9700 | -0.0400 |" in row
    assert "- A gate is not met: `roc_auc` is 0.95" in card
    assert "latency_ms" not in card


def test_card_without_gates_has_no_such_section(summary):
    assert "## Gates" not in model_card(summary)


def with_data(**changes):
    lock = {
        "data": {
            "fingerprint": "abc123", "rows": 2000,
            "columns": {"tenure": "Int64", "churn": "String", "unused": "Float64"},
        }
    }  # fmt: skip
    read = {
        "source": "/home/me/secret/telco.csv?token=1", "format": "csv",
        "details": {"sample": {"rows_left_out": 500}},
    }  # fmt: skip
    features = {
        "tenure": {"n_rows": 1000, "n_missing": 300, "min": 0.0, "max": 72.0, "mean": 31.5},
        "churn": {"n_rows": 1000, "n_missing": 0, "n_labels": 2, "top": {"no": 700, "a|b": 300}},
    }
    split = {
        "type": "random", "sizes": {"train": 1400, "test": 600},
        "balance": {"train": {"no": 0.7}, "test": {"no": 0.6}},
        "duplicates": {"sets": {"test": {"rows": 3}}}, "rows_without_set": 2,
    }  # fmt: skip
    given = {"lock": lock, "read": read, "features": features, "split": split, **changes}
    return summary_of(**given)


def test_card_of_the_data_tells_source_size_columns_missing_split_and_fingerprint():
    card = model_card(with_data())
    for expected in (
        "- Source: `telco.csv` (csv).",
        "- Licence: *not known.*",
        "- Size: 2,000 rows, 3 columns; 500 more were left out by sampling.",
        "- Fingerprint of the content: `abc123`.",
        "| `tenure` | number | `Int64` | 300 (30.0%) | 0 to 72, mean 31.5 |",
        "| `churn` | target, binary | `String` | 0 | 2 labels: no, a\\|b |",
        "Not used: `unused`.",
        "| test | 600 | 30.0% | 60.0% | 3 |",
        "By `random`. 2 rows are in no set.",
    ):
        assert expected in card
    assert "secret" not in card
    assert "token" not in card


def test_card_tells_the_licence_of_a_named_data_set():
    read = {
        "source": "dataset:iris", "format": "dataset",
        "details": {"licence": "CC BY 4.0", "title": "Iris"},
    }  # fmt: skip
    card = model_card(with_data(read=read))
    assert "- Source: `dataset:iris` (dataset), Iris." in card
    assert "- Licence: CC BY 4.0." in card
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == "dataset:iris"
