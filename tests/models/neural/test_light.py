"""A network of numbers and categories predicts without torch what it predicts with it."""

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import BundleError
from ordain.features.encoded import Kind, Shape
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import Input, Problem
from ordain.models.neural.light import Maps
from ordain.store.bundle import seal
from ordain.store.loading import load_bundle


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    n_rows = 400
    kind = random.choice(["a", "b", "c"], n_rows)
    number = random.normal(0, 1, n_rows).round(3)
    return pl.DataFrame(
        {
            "kind": kind,
            "number": pl.Series(number).set(pl.Series(random.random(n_rows) < 0.1), None),
            "other": random.integers(0, 50, n_rows),
            "yes": np.where(number + (kind == "a") > 0, "yes", "no"),
            "three": random.choice(["x", "y", "z"], n_rows),
            "amount": number * 3 + 1,
        }
    )


@pytest.fixture(scope="module")
def bundle(rows, tmp_path_factory):
    config = {
        "name": "light",
        "input_features": {"kind": "category", "number": "number", "other": "number"},
        "output_features": {"yes": "binary", "three": "category", "amount": "number"},
        "model_type": "neural",
        "trainer": {"epochs": 2},
        "evaluation": {"baselines": False},
    }
    return ordain.train(config, rows, home=tmp_path_factory.mktemp("light")).bundle


def test_it_answers_as_torch_does(bundle, rows):
    light, whole = load_bundle(bundle, is_light=True), load_bundle(bundle)
    assert type(light.fitted).__name__ == "LightModel"
    assert type(whole.fitted).__name__ == "NeuralModel"
    found, expected = light.predict(rows), whole.predict(rows)
    assert found.columns == expected.columns
    for name in expected.columns:
        if expected[name].dtype.is_float():
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
        else:
            assert found[name].equals(expected[name])


def test_rows_alone_and_some_together_are_answered_as_many_are(bundle, rows):
    light = load_bundle(bundle, is_light=True)
    asked = rows.head(9).to_dicts()
    expected = light.predict(rows.head(9)).to_dicts()
    for found in ([light.predict_row(row) for row in asked], light.rows_function()(asked)):
        for one, other in zip(found, expected, strict=True):
            assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.slow
def test_it_loads_no_torch_until_it_is_to_explain(bundle, rows, tmp_path):
    rows.write_parquet(tmp_path / "rows.parquet")
    program = f"""
        import sys
        from pathlib import Path
        import polars as pl
        from ordain.store.loading import load_bundle
        model = load_bundle(Path({str(bundle)!r}), is_light=True)
        rows = pl.read_parquet({str(tmp_path / "rows.parquet")!r})
        model.predict(rows), model.predict_row(rows.row(0, named=True))
        assert "torch" not in sys.modules
        assert model.explain(rows.head(20), row=0, output="yes").rows
        assert "torch" in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_weights_without_maps_are_answered_by_torch(bundle, tmp_path):
    folder, problem = tmp_path / "model", load_bundle(bundle).fitted.problem
    shutil.copytree(bundle / "model", folder)
    told = json.loads((folder / "neural.json").read_text())
    del told["maps"]
    (folder / "neural.json").write_text(json.dumps(told))
    assert type(NeuralFamily().load_light(folder, problem)).__name__ == "NeuralModel"


def test_maps_that_answer_otherwise_give_way_to_torch_and_it_is_told(bundle, tmp_path, caplog):
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    path = folder / "model" / "neural.json"
    told = json.loads(path.read_text())

    def off(part):
        if isinstance(part, dict):
            return {k: 9.0 if k == "factor" and isinstance(v, float) else off(v)
                    for k, v in part.items()}  # fmt: skip
        return [off(one) for one in part] if isinstance(part, list) else part

    told["maps"] = off(told["maps"])
    path.write_text(json.dumps(told))
    seal(folder)
    model = load_bundle(folder, is_light=True)
    assert (model.fitted.engine, load_bundle(bundle, is_light=True).fitted.engine) == (
        "torch",
        "numpy",
    )
    assert "is answered by torch, for its light form fails" in caplog.text


def test_a_vector_of_one_number_may_stand_beside_numbers():
    inputs = (
        Input("one", "number", Shape(kind=Kind.SCALAR)),
        Input("two", "text", Shape(kind=Kind.VECTOR)),
    )
    told = {
        "groups": [{"kind": "scalar", "inputs": ["one", "two"]}],
        "encoders": [{"map": "identity"}],
        "body": {"map": "identity"},
        "heads": [],
    }
    maps = Maps.of(told, Problem(inputs, ()), {})
    np.testing.assert_array_equal(maps.groups[0].of_row([3.0, (2.0,)]), [3.0, 2.0])


def test_it_explains_by_the_weights_that_were_checked_alone(bundle, rows, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    light = load_bundle(folder, is_light=True)
    (folder / "README.md").write_text("another model")
    seal(folder)
    with pytest.raises(BundleError, match="was changed since it was checked"):
        light.explain(rows.head(20), row=0, output="yes")
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="no such folder"):
        light.explain(rows.head(20), row=0, output="yes")
    assert light.predict(rows.head(3)).height == 3
    shutil.copytree(bundle, folder)
    assert light.explain(rows.head(20), row=0, output="yes").rows
