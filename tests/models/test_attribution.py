"""Attributions of families on real small data, through the whole path a user takes."""

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.store.subject import subject_of

FAMILIES = {
    "gbm": {"num_boost_round": 30},
    "linear": {},
    "naive_bayes": {},
    "neural": {"epochs": 4},
    "knn": {},
    "baseline": {},
}


@pytest.fixture(scope="module")
def tumours():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names[:8]]
    frame = pl.DataFrame(data.data[:, :8], schema=names)
    return frame.with_columns(kind=pl.Series(np.where(data.target == 1, "benign", "malignant")))


@pytest.fixture(scope="module")
def sugar():
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    frame = pl.DataFrame(data.data, schema=list(data.feature_names))
    return frame.with_columns(progress=pl.Series(data.target))


@pytest.fixture(scope="module")
def flowers():
    from sklearn.datasets import load_iris

    data = load_iris()
    frame = pl.DataFrame(data.data, schema=["sl", "sw", "pl", "pw"])
    return frame.with_columns(flower=pl.Series([str(data.target_names[i]) for i in data.target]))


def trained(family, frame, output, home, *, loss=None, **preprocessing):
    (name, kind), = output.items()  # fmt: skip
    target = {"name": name, "type": kind}
    target |= {"loss": loss} if loss else {}
    target |= {"preprocessing": preprocessing} if preprocessing else {}
    config = {
        "name": family,
        "input_features": "all",
        "output_features": [target],
        "model_type": family,
        "trainer": FAMILIES[family],
        "evaluation": {"baselines": False, "importance": False, "calibration": "none"},
    }
    if family == "naive_bayes" and kind == "number":
        pytest.skip("naive Bayes predicts no numbers")
    return ordain.train(config, frame, home=home).model()


def explained(model, frame, output):
    subject = subject_of(model, frame)
    from ordain.evaluation.explain.attribution import attribute

    return subject, attribute(subject, output)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_classes_add_up_to_the_probability(family, tumours, tmp_path):
    model = trained(family, tumours, {"kind": "binary"}, tmp_path)
    subject, found = explained(model, tumours.head(60), "kind")
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-3)
    scores = found.margin if found.scale == "probability" else 1 / (1 + np.exp(-found.margin))
    np.testing.assert_allclose(scores, subject.targets["kind"].scores, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_classes_add_up_to_their_probabilities(family, flowers, tmp_path):
    model = trained(family, flowers, {"flower": "category"}, tmp_path)
    subject, found = explained(model, flowers.head(40), "flower")
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-3)
    powers = np.exp(found.margin - found.margin.max(axis=1, keepdims=True))
    scores = powers / powers.sum(axis=1, keepdims=True)
    scores = found.margin if found.scale == "probability" else scores
    np.testing.assert_allclose(scores, subject.targets["flower"].scores, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_add_up_in_their_own_unit(family, sugar, tmp_path):
    model = trained(family, sugar, {"progress": "number"}, tmp_path)
    subject, found = explained(model, sugar.head(60), "progress")
    assert found.scale == "value"
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-2)
    np.testing.assert_allclose(found.margin, subject.targets["progress"].scores, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gbm", "linear"])
@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_models_of_a_logarithm_add_up_to_it(family, loss, sugar, tmp_path):
    model = trained(family, sugar, {"progress": "number"}, tmp_path, loss={"type": loss})
    subject, found = explained(model, sugar.head(60), "progress")
    assert found.scale == "log"
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-3)
    np.testing.assert_allclose(np.exp(found.margin), subject.targets["progress"].scores, rtol=1e-3)


@pytest.mark.slow
def test_a_target_learned_as_its_logarithm_is_told_in_that_scale(sugar, tmp_path):
    model = trained("linear", sugar, {"progress": "number"}, tmp_path, normalization="log1p")
    _, found = explained(model, sugar.head(20), "progress")
    assert found.scale == "encoded value"
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-3)


def test_naive_bayes_shares_are_those_of_its_tables(flowers, tmp_path):
    """An input that tells nothing of a row adds the same to each class, whatever the row."""
    frame = flowers.with_columns(same=pl.lit(1.0))
    model = trained("naive_bayes", frame, {"flower": "category"}, tmp_path)
    _, found = explained(model, frame.head(10), "flower")
    if "same" in found.inputs:
        assert np.abs(found.values[:, found.inputs.index("same")]).max() < 1e-9
    assert found.method == "exact"


@pytest.mark.slow
def test_integrated_gradients_are_the_integral(tumours, tmp_path):
    """Against the mean gradient at 2,000 points of the same path."""
    import torch

    from ordain.models.neural import attribution

    model = trained("neural", tumours, {"kind": "binary"}, tmp_path)
    subject, found = explained(model, tumours.head(12), "kind")
    network = model.fitted.network
    start = torch.cat(attribution._parts(model.fitted, subject.background), dim=1)
    start = start.mean(dim=0, keepdim=True)
    way = torch.cat(attribution._parts(model.fitted, subject.encoded), dim=1) - start
    widths = [part.shape[1] for part in attribution._parts(model.fitted, subject.background)]
    total = torch.zeros_like(way)
    for step in range(2000):
        at = (start + (step + 0.5) / 2000 * way).requires_grad_(True)
        raw = network.heads[0](network.combiner(list(torch.split(at, widths, dim=1))))
        total += torch.autograd.grad(raw.sum(), at)[0] / 2000
    added = (total * way / model.fitted.temperatures.get("kind", 1.0)).detach().numpy()
    owners = attribution._owners(model.fitted, subject.encoded, subject.background)
    wanted = np.stack([added[:, owners == i].sum(axis=1) for i in range(8)], axis=1)
    np.testing.assert_allclose(found.values, wanted, atol=5e-3)
