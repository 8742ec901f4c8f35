"""The section on what holds a model back, and the other findings that the report draws."""

import re

from judged_findings import diagnosis_of, full_summary
from judged_runs import NASTY, category_scores, summary_of

from ordain.evaluation.evaluate import SetScores, judge_output
from ordain.evaluation.gallery import draw
from ordain.evaluation.report import render_report
from ordain.evaluation.table import render_table


def section(page, name):
    start = page.index(f'<section id="{name}"') if f'<section id="{name}"' in page else page.index(
        f'id="{name}"'
    )  # fmt: skip
    return page[start : page.index("</section>", start)]


def test_diagnosis_tells_gaps_findings_changes_and_what_they_brought(full):
    html = section(render_report(full), "diagnosis")
    assert "As <code>ordain diagnose</code> measured it in 12 s." in html
    assert "Work on the variance first." in html
    told = full.diagnosis.outputs["churn"].findings[0].patches[0].effect.sentence
    assert told[0].upper() + told[1:] in html
    assert "Not measured: it needs other rows." in html
    assert "ordain apply-patch CONFIG patches/smaller-trees.yaml" in html
    assert '<span class="removed">-x: 1' in html
    assert "Try <strong>trees of <code>3</code> leaves</strong>: they fit less." in html
    assert "Learning curve of churn" in html
    assert "Note: the rows have changed." in html
    assert NASTY not in html


def test_first_look_names_the_commands_that_measure_the_rest():
    html = section(render_report(full_summary(diagnosis=diagnosis_of(is_first_look=True))),
                   "diagnosis")  # fmt: skip
    assert "A first look" in html
    assert "<code>ordain diagnose r1</code>" in html
    assert "<code>ordain report r1</code>" in html


def test_bias_without_a_ceiling_is_not_called_sure_or_unsure(full):
    html = section(render_report(full), "diagnosis")
    row = html[html.index(">bias<") : html.index(">variance<")]
    assert "no ceiling is declared" in row
    assert not re.search(r">(yes|no)<", row)


def test_run_without_a_diagnosis_has_no_such_section(summary):
    assert 'id="diagnosis"' not in render_report(summary)


def test_pairs_of_inputs_and_words_stand_in_the_explanation(full):
    html = section(render_report(full), "explaining")
    assert "Pairs of the most important inputs." in html
    assert "Words that move the answer" in html
    assert "The worst rows, word by word" in html
    assert '<mark class="against"' in html
    assert NASTY not in html


def test_interaction_has_numbers_along_and_a_line_for_each_word(full):
    figure = draw(full, "interaction")
    assert figure["layout"]["xaxis"]["title"]["text"] == "input 1"
    assert [trace["x"] for trace in figure["data"]] == [[1.0, 2.0], [1.0, 2.0]]
    assert [trace["y"] for trace in figure["data"]] == [[0.1, 0.3], [0.2, 0.9]]


def test_one_model_alone_is_the_best_of_nothing():
    truth, scores = category_scores(200, 3)
    alone = judge_output("category", {"test": SetScores(truth, scores)}, ("a", "b", "c"))
    run = summary_of(outputs={"topic": alone})
    assert not any(cell.is_best for row in render_table(run, "topic").rows for cell in row)


def test_numbers_among_the_worst_rows_sort_as_numbers(full):
    errors = full.findings.errors
    rows = tuple(
        one.model_copy(update={"values": {"age": place * 10 + 1, "name": "x"}})
        for place, one in enumerate(errors["price"].worst)
    )
    mended = {"price": errors["price"].model_copy(update={"worst": rows})}
    findings = full.findings.model_copy(update={"errors": mended})
    html = section(render_report(full.model_copy(update={"findings": findings})), "errors")
    assert '<th class="number" scope="col">age</th>' in html
    assert '<td class="number" data-value="21">21</td>' in html
    assert '<th scope="col">name</th>' in html


def test_plots_with_many_labels_take_the_whole_width():
    truth, scores = category_scores(600, 20)
    labels = tuple(f"class {place}" for place in range(20))
    many = judge_output("category", {"test": SetScores(truth, scores)}, labels)
    html = render_report(summary_of(outputs={"topic": many}))
    assert re.search(r'<figure class="wide"><h3>Confusion matrix', html)
