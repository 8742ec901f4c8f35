"""ONNX and SQL answer as the bundle does, on rows that were not trained on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from exported_rows import INPUTS, Trained, customers, document, largest

import ordain
from ordain.core.errors import StoreError, UsageError
from ordain.data.arrowstream import ArrowStream
from ordain.store.export.formats.onnx import run_graph

pytestmark = pytest.mark.slow

KEYED = {"keep": "id"}
CASES = [
    ("linear", "churn", "binary"),
    ("linear", "size", "category"),
    ("linear", "price", "number"),
    ("naive_bayes", "churn", "binary"),
    ("naive_bayes", "grade", "category"),
    ("gbm", "churn", "binary"),
    ("gbm", "grade", "category"),
    ("gbm", "price", "number"),
    ("baseline", "churn", "binary"),
    ("baseline", "size", "category"),
    ("baseline", "price", "number"),
]
NEIGHBOURS = [("knn", "churn", "binary"), ("knn", "size", "category"), ("knn", "price", "number")]
DECIDED = {
    "baselines": False,
    "checks": False,
    "calibration": "platt",
    "threshold": {"maximize": "f1"},
    "intervals": 0.9,
    "abstain": {"confidence_below": 0.6},
}


def by_sql(path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the answers in the order of the rows, which SQL does not keep, by their `id`."""
    with duckdb.connect() as connection:
        connection.register("rows", ArrowStream(rows.with_row_index("id")))
        found = connection.sql(path.read_text(encoding="utf-8"))
        return pl.DataFrame(ArrowStream(found.arrow())).sort("id").drop("id")


@pytest.mark.parametrize(("family", "output", "kind"), [*CASES, *NEIGHBOURS])
def test_graph_answers_as_the_bundle(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str, output: str, kind: str
) -> None:
    folder = trained(document(family, output, kind))
    made = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    model = ordain.load(folder)
    assert largest(model.predict(rows), run_graph(model, made.path, rows)) < 1e-9
    assert made.difference.largest < 1e-9


@pytest.mark.parametrize(
    ("family", "trainer"),
    [("knn", {"weights": "uniform", "k": 5}), ("knn", {"weights": "distance"}),
     ("baseline", {"strategy": "prior"})],
    ids=str,
)  # fmt: skip
def test_other_ways_of_a_family_have_a_graph_too(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str, trainer: dict[str, Any]
) -> None:
    inputs = {
        **INPUTS,
        "charges": {"type": "number", "preprocessing": {"missing_indicator": True}},
        "senior": {"type": "binary", "preprocessing": {"missing_value_strategy": "keep"}},
    }
    folder = trained(document(family, "size", "category", input_features=inputs, trainer=trainer))
    model = ordain.load(folder)
    made = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    own = pl.concat([rows, customers().select(rows.columns).head(50)])
    assert largest(model.predict(own), run_graph(model, made.path, own)) < 1e-9


def test_neighbours_by_words_have_no_graph(tmp_path: Path, trained: Trained) -> None:
    folder = trained(_with_text("knn"), _texts())
    with pytest.raises(UsageError, match="neighbours by the words of `note` have no graph"):
        ordain.export(folder, tmp_path / "half", format="onnx")


@pytest.mark.parametrize(("family", "output", "kind"), CASES)
def test_select_answers_as_the_bundle(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str, output: str, kind: str
) -> None:
    folder = trained(document(family, output, kind))
    made = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(ordain.load(folder).predict(rows), by_sql(made.path, rows)) < 1e-9


@pytest.mark.parametrize("calibration", ["platt", "temperature", "isotonic"])
def test_decisions_are_inside(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, calibration: str
) -> None:
    evaluation = {**DECIDED, "calibration": calibration}
    folder = trained(document("linear", "churn", "binary", evaluation=evaluation))
    model = ordain.load(folder)
    expected = model.predict(rows)
    assert expected["churn_prediction"].null_count() > 0, "some rows are not answered"
    expected = expected.drop("churn_set")
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert graph.facts["left_out"] == ["churn_set"]
    assert any("`churn_set` is left out" in note for note in graph.notes)
    assert largest(expected, run_graph(model, graph.path, rows)) < 1e-9
    select = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(expected, by_sql(select.path, rows)) < 1e-9


def test_intervals_of_a_number_are_inside(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    evaluation = {"baselines": False, "checks": False, "intervals": 0.8}
    folder = trained(document("gbm", "price", "number", evaluation=evaluation))
    model = ordain.load(folder)
    expected = model.predict(rows)
    assert "price_low" in expected.columns
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert largest(expected, run_graph(model, graph.path, rows)) < 1e-9
    select = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(expected, by_sql(select.path, rows)) < 1e-9


WAYS: list[dict[str, Any]] = [
    {"charges": {"normalization": way}}
    for way in (None, "minmax", "iq", "log1p", "robust", "quantile", "quantile_uniform")
]
WAYS += [
    {"charges": {"bins": 5}, "tenure": {"bins": 4, "bin_form": "onehot"}},
    {"charges": {"bins": 5, "bin_form": "ordinal", "missing_indicator": True}},
    {"charges": {"outlier_strategy": "clip", "outlier_threshold": 1.0}},
    {"charges": {"outlier_strategy": "keep", "outlier_threshold": 1.0}},
    {"charges": {"outlier_strategy": "fill_with_const", "outlier_threshold": 1.0}},
    {"charges": {"missing_value_strategy": "fill_with_group_mean", "missing_group": "contract"}},
    {"contract": {"missing_value_strategy": "fill_with_group_mode", "missing_group": "paper"}},
    {"contract": {"missing_value_strategy": "fill_with_mode", "unseen": "mode"}},
    {"senior": {"missing_value_strategy": "keep", "missing_indicator": True}},
]


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_every_way_of_encoding_is_inside(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, options: dict[str, Any]
) -> None:
    inputs = {
        name: {"type": kind, "preprocessing": options.get(name, {})}
        for name, kind in INPUTS.items()
    }
    folder = trained(document("linear", "churn", "binary", input_features=inputs))
    model = ordain.load(folder)
    expected = model.predict(rows)
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert largest(expected, run_graph(model, graph.path, rows)) < 1e-6
    select = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(expected, by_sql(select.path, rows)) < 1e-6


@pytest.mark.parametrize(
    ("loss", "scale"), [("poisson", "log1p"), ("gamma", None), ("quantile", "robust")]
)
def test_losses_and_scales_of_a_number_are_undone(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, loss: str, scale: str | None
) -> None:
    frame = customers().with_columns(price=pl.col("price").clip(1))
    scales = {} if loss != "quantile" else {"preprocessing": {"normalization": scale}}
    output = {"price": {"type": "number", "loss": {"type": loss}, **scales}}
    folder = trained(document("gbm", "price", "number", output_features=output), frame)
    model = ordain.load(folder)
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert largest(model.predict(rows), run_graph(model, graph.path, rows)) < 1e-6
    select = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(model.predict(rows), by_sql(select.path, rows)) < 1e-6


def test_categories_that_split_into_large_sets_are_members(
    tmp_path: Path, trained: Trained
) -> None:
    frame = customers(3000).with_columns(
        city=pl.format("c{}", (pl.int_range(pl.len()) * 7919) % 150)
    )
    frame = frame.with_columns(
        price=pl.col("city").str.slice(1).cast(pl.Int64).mod(13) * 10.0 + pl.col("tenure")
    )
    inputs = {"city": "category", "tenure": "number"}
    folder = trained(document("gbm", "price", "number", input_features=inputs), frame)
    text = (folder / "model" / "0.txt").read_text(encoding="utf-8")
    assert re.search(r"num_cat=[1-9]", text), "a tree splits by city"
    model = ordain.load(folder)
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert largest(model.predict(frame), run_graph(model, graph.path, frame)) < 1e-9
    select = ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    assert largest(model.predict(frame), by_sql(select.path, frame)) < 1e-9


def test_two_outputs_stand_side_by_side(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    outputs = {"churn": "binary", "price": "number"}
    folder = trained(document("gbm", "churn", "binary", output_features=outputs))
    model = ordain.load(folder)
    made = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    found = run_graph(model, made.path, rows)
    assert set(found.columns) == set(model.predict(rows).columns)
    assert largest(model.predict(rows), found) < 1e-9


def test_select_reads_a_table_of_a_schema_and_keeps_its_key(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    folder = trained(document("linear", "churn", "binary"))
    options = {"table": "shop.customers", "keep": "id, tenure"}
    made = ordain.export(folder, tmp_path / "m.sql", format="sql", options=options)
    with duckdb.connect() as connection:
        given = rows.with_row_index("id")
        connection.register("given", ArrowStream(given))
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE TABLE shop.customers AS SELECT * FROM given")
        text = made.path.read_text(encoding="utf-8")
        found = pl.DataFrame(ArrowStream(connection.sql(text).arrow()))
    assert found.columns[:2] == ["id", "tenure"]
    found = found.sort("id")
    assert largest(ordain.load(folder).predict(rows), found) < 1e-9


def test_select_without_a_key_says_that_rows_have_no_order(
    tmp_path: Path, trained: Trained
) -> None:
    folder = trained(document("linear", "churn", "binary"))
    bare = ordain.export(folder, tmp_path / "bare.sql", format="sql")
    assert "rows have no order in SQL: name a key that goes along, as -o keep=id" in bare.notes
    keyed = ordain.export(folder, tmp_path / "keyed.sql", format="sql", options=KEYED)
    assert not keyed.notes


def test_derived_columns_need_the_dialect_of_duckdb(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    config = document(
        "linear", "churn", "binary",
        data={"columns": {"monthly": "charges / (tenure + 1)"}},
        input_features={"monthly": "number", "contract": "category"},
    )  # fmt: skip
    folder = trained(config)
    with pytest.raises(UsageError, match=r"derived columns `monthly`.*\n  Fix: -o dialect=duckdb"):
        ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    made = ordain.export(
        folder, tmp_path / "m.sql", format="sql", options={**KEYED, "dialect": "duckdb"}
    )
    model = ordain.load(folder)
    assert largest(model.predict(rows), by_sql(made.path, rows)) < 1e-9
    graph = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert any("derived columns are computed before: monthly" in note for note in graph.notes)
    assert largest(model.predict(rows), run_graph(model, graph.path, rows)) < 1e-9


def test_too_many_leaves_for_sql_are_refused(tmp_path: Path, trained: Trained) -> None:
    folder = trained(document("gbm", "churn", "binary"))
    with pytest.raises(UsageError, match=r"leaves, more than the 10 .*\n  Fix: -o max_leaves="):
        ordain.export(folder, tmp_path / "m.sql", format="sql", options={"max_leaves": 10})
    assert not list(tmp_path.iterdir())


def test_text_has_no_select_and_a_graph_only_with_its_encoder(
    tmp_path: Path, trained: Trained
) -> None:
    folder = trained(_with_text("linear"), _texts())
    with pytest.raises(UsageError, match="this model has no SELECT: `note` cannot be encoded"):
        ordain.export(folder, tmp_path / "m.sql", format="sql", options=KEYED)
    with pytest.raises(UsageError, match=r"`note`: it is a text.*\n  Fix: name a folder"):
        ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", ["linear", "naive_bayes", "gbm"])
def test_text_is_fed_encoded_by_the_other_half(
    tmp_path: Path, trained: Trained, family: str
) -> None:
    frame = _texts()
    folder = trained(_with_text(family), frame)
    made = ordain.export(folder, tmp_path / "half", format="onnx")
    assert "`note` is fed encoded: it is a text" in made.notes
    model = ordain.load(folder)
    found = run_graph(model, made.path / "model.onnx", frame)
    assert largest(model.predict(frame), found) < 1e-6
    assert _by_readme(made.path, frame) == pytest.approx(
        model.predict(frame)["churn_probability_Yes"].to_list(), abs=1e-6
    )


def _by_readme(folder: Path, frame: pl.DataFrame) -> list[float]:
    """Return what the README's lines and ONNX Runtime give, in a process without Ordain."""
    import json
    import re
    import subprocess
    import sys

    readme = (folder / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    frame.drop("churn").write_csv(folder / "rows.csv")
    script = code[1] + (
        "\nimport onnxruntime\nsession = onnxruntime.InferenceSession('model.onnx')\n"
        "assert 'encoder' in encoder.__class__.__module__ or True\n"
        "import ordain\nassert 'encoder' in ordain.__file__ if ordain.__file__ else True\n"
        "print(json.dumps(session.run(['churn_probability_Yes'], arrays)[0].tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _texts() -> pl.DataFrame:
    place = pl.int_range(pl.len())
    words = pl.when(pl.col("churn") == "Yes").then(pl.lit("bad slow")).otherwise(pl.lit("good"))
    note = pl.when(place % 11 == 0).then(None).when(place % 7 == 0).then(pl.lit("fine line"))
    return customers().with_columns(note=note.otherwise(words))


def _with_text(family: str) -> dict[str, Any]:
    inputs = {"note": "text", "tenure": "number", "contract": "category"}
    return document(family, "churn", "binary", input_features=inputs)


def test_an_answer_beyond_the_tolerance_is_refused_and_nothing_is_left(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ordain.store.export.formats.onnx import OnnxFormat

    class Wrong(OnnxFormat):
        def answers(self, model, path, rows):
            found = super().answers(model, path, rows)
            return found.with_columns(pl.col("churn_probability_Yes") + 0.01)

    from ordain.store.export.format import EXPORTS

    folder = trained(document("linear", "churn", "binary"))
    monkeypatch.setitem(EXPORTS._classes, "onnx", Wrong)
    with pytest.raises(StoreError, match=r"`churn_probability_Yes` .* it is refused"):
        ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())
