import json
import re
from html.parser import HTMLParser

import pytest
from judged_findings import full_summary
from judged_runs import NASTY, summary_of

from ordain.core.errors import StoreError
from ordain.evaluation.figures import learning_curves
from ordain.evaluation.gate_words import value_in_words
from ordain.evaluation.gates import GateResult
from ordain.evaluation.history import axis_of
from ordain.evaluation.report import page as page_module
from ordain.evaluation.report import render_report, write_report
from ordain.evaluation.report.html import code_words, join, raw, script_json, tag


class Page(HTMLParser):
    """Collects tags, scripts and text, and checks that elements close in order."""

    VOID = ("meta", "br", "hr", "link", "wbr")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.scripts, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open[-1:] == ["script"] else self.words).append(data)


@pytest.fixture(scope="module")
def text(full):
    return render_report(full)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_page_is_well_formed_and_holds_only_its_own_three_scripts(page):
    assert sum(tag == "script" for tag, _ in page.tags) == 3


def test_page_shows_data_as_text_and_never_as_markup(text, page):
    assert "<script>alert" not in text
    assert any(NASTY in words for words in page.words)


def test_page_asks_for_nothing_from_outside(page):
    for _, attributes in page.tags:
        for name in ("src", "href", "action"):
            assert attributes.get(name, "#").startswith("#")
    assert not re.search(r"url\(|@import", "".join(page.words))


def test_page_forbids_every_other_script_and_request(page):
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy


def test_equal_runs_give_equal_bytes(text, full):
    assert render_report(full) == text


def test_page_is_small_enough(text):
    assert len(text.encode()) <= 2_600_000


def test_first_screen_has_verdict_headline_and_warnings(page):
    words = "".join(page.words)
    for expected in (
        "Better than every baseline",
        "roc_auc of churn",
        "1 warning",
        "95% interval",
    ):
        assert expected in words


def test_every_plot_has_words_that_say_how_to_read_it(page):
    figures = sum(tag == "figure" for tag, _ in page.tags)
    assert figures == sum(tag == "figcaption" for tag, _ in page.tags) > 15


def test_page_of_a_run_without_baselines_history_or_facts_is_whole():
    outputs = summary_of().outputs
    bare = summary_of(
        outputs={"topic": outputs["topic"]}, inputs={}, history=(), model={}, read={}, split={},
        features={}, reasons={}, config="", lock={}, seconds={}, warnings=(),
    )  # fmt: skip
    words = "".join(Page(render_report(bare)).words)
    assert "Not compared" in words
    assert "no baseline to compare with" in words


def test_missing_drawing_code_is_said(monkeypatch, summary):
    monkeypatch.setattr(page_module, "PLOTLY", "no_such_package")
    with pytest.raises(StoreError, match="no plot can be drawn"):
        render_report(summary)


def test_report_is_written_whole(tmp_path, full, text):
    write_report(full, tmp_path / "run" / "report.html")
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == text
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["report.html"]


def test_tag_escapes_text_and_attributes():
    assert tag("p", "a<b", title='"x"', class_="k", hidden=False) == (
        '<p title="&quot;x&quot;" class="k">a&lt;b</p>'
    )
    assert join(["<", raw("<br>"), None]) == "&lt;<br>"


def test_code_words_sets_back_quotes_as_code_and_escapes_inside():
    assert code_words("a `b<` c") == "a <code>b&lt;</code> c"
    assert code_words("odd ` one") == "odd ` one"


def test_script_data_cannot_close_its_element():
    found = script_json({"a": "</script><!--"}, identifier="x")
    assert found.count("</script>") == 1
    assert "<!--" not in found


def test_counts_of_a_feature_are_columns_and_their_examples_stay_at_hand(text):
    table = text[text.index('id="features"') : text.index('id="data"')]
    assert "missing" in table
    assert '<td class="number" data-value="300">300</td>' in table
    assert '<td class="number" data-value="1">1</td>' in table  # one cell that did not parse


def test_large_nested_facts_are_folded(summary):
    many = {"settings": {f"key_{place}": place / 7 for place in range(40)}}
    words = "".join(Page(render_report(summary.model_copy(update={"model": many}))).words)
    assert "40 values" in words
    assert "0.1429" in words


def section(text, name):
    """Return the words of one section."""
    start = text.index(f'id="{name}"')
    end = text.find("<section", start)
    return "".join(Page(f"<p {text[start:end].rsplit('</section>', 1)[0]}</p>").words)


def test_first_screen_has_what_is_not_met_what_is_bad_and_what_to_do(text):
    words = section(text, "verdict")
    for expected in (
        "people", "Not met: 1 of 1 gates", "-0.0400", "1 of 4 sanity checks failed",
        "input_features: {y: number}", "Where it does worst", "a >= 2 and b = 'x'",
        "What to do next",
    ):  # fmt: skip
        assert expected in words


def test_first_screen_leads_with_gates_that_are_not_met(text, full):
    n_failed = sum(not gate.passed for gate in full.findings.gates)
    assert n_failed
    assert f"Not to ship: {n_failed} gate" in text


def test_scenarios_of_a_gate_are_counted():
    held = GateResult(name="every scenario holds", passed=False, value=7.0, reason="2 of 9 hold")
    metric = GateResult(name="`f1`", passed=True, value=0.5, at_least=0.4, reason="2 of 9 hold")
    assert value_in_words(held) == "2 of 9 hold"
    assert value_in_words(metric) == "0.5000"


def test_what_was_chosen_is_folded_and_says_its_value(summary):
    config = "trainer: {epochs: 7}\ninput_features:\n- {name: a.b, type: number}\n"
    reasons = {"trainer.epochs": "few rows", "input_features.a.b.type": "numbers"}
    text = render_report(summary.model_copy(update={"config": config, "reasons": reasons}))
    assert "<summary>What was chosen for you, and why (2)</summary>" in text
    assert '<code>trainer.epochs</code></td><td><code class="clip">7</code>' in text
    assert '<code>input_features.a.b.type</code></td><td><code class="clip">number</code>' in text


def test_trees_are_counted_as_trees(summary):
    history = [{"epoch": one, "losses": {"train": 1 / one}} for one in (1, 2, 3)]
    ((_, figure),) = learning_curves(history, axis=axis_of("gbm"))
    assert figure["layout"]["xaxis"]["title"]["text"] == "trees"
    fast = {"rows_per_second": 5e6, "seconds": {"train": 1.0}}
    assert "rows/s in training" in render_report(
        summary.model_copy(update={**fast, "family": "neural"})
    )
    assert "rows/s in training" not in render_report(
        summary.model_copy(update={**fast, "family": "gbm"})
    )


def test_met_conditions_are_said_with_by_how_much(full):
    passed = full.findings.gates[0].model_copy(update={"passed": True, "margin": 0.0123})
    findings = full.findings.model_copy(update={"gates": (passed,)})
    words = section(render_report(full.model_copy(update={"findings": findings})), "verdict")
    assert "Every gate is met, as are the limits" in words
    assert "0.0123" in words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deciding", ("temperature", "0.3100", "below a confidence of 0.7000", "80.0%", "50%")),
        ("slices", ("tenure < 6", "\u25bc worse", "cannot tell", "99 slices", "3.00")),
        ("fairness", ("gender", "selection rate", "! marked", "0.2000 to 0.6000", "rare")),
        ("explaining", ("input 2", "log loss grows by", "churn by input 1")),
        ("errors", ("? looks wrong", "! far off", "overlap", "has the word", "5.0")),
        ("checks", ("\u2717 failed", "Time?", "1 of 2 hold", "churn is 'no'")),
        ("data", ("2 rows are in none", "1 of 2", "40.0%", "rows also in training")),
    ],
)
def test_section_shows_its_findings(text, name, expected):
    words = section(text, name)
    for one in expected:
        assert one in words


def test_calibration_plot_shows_before_and_after(text):
    figures = text[text.index('id="figures"') :]
    assert '"after calibration"' in figures
    assert '"name":"before"' in figures


def test_numbers_of_intervals_stand_in_the_table_beside_their_bars(text):
    table = text[text.index('id="slices"') : text.index('id="fairness"')]
    assert table.count('class="rail') >= 4
    assert "0.4000 to 0.6000" in table


def test_many_slices_and_inputs_stay_small_and_quick():
    many = full_summary(n_slices=200, n_inputs=300, n_rows=100)
    text = render_report(many)
    assert len(text.encode()) < 4_000_000
    # Of 300 inputs the worst rows show the twelve that matter most.
    assert section(text, "errors").count("input 299") == 0


def test_page_of_a_run_without_findings_has_no_empty_section(summary):
    text = render_report(summary)
    for name in ("deciding", "slices", "fairness", "explaining", "errors", "checks"):
        assert f'id="{name}"' not in text


def test_report_drawn_from_its_kept_summary_is_the_same(full, text):
    again = type(full).model_validate(json.loads(json.dumps(full.to_json())))
    assert render_report(again) == text
