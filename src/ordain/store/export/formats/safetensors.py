"""safetensors: the weights as named arrays, and all else as JSON.

    ordain export RUN --format safetensors --output churn

For readers in any language: `weights.safetensors` holds every array, `model.json` says what each
is, how columns are encoded and what is decided after the scores. Trees are arrays too.

Source: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.files import atomic_file, read_json, write_json, write_text
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Scores
from ordain.features.store import from_json, to_json
from ordain.models.gbm.matrix import Layout
from ordain.store.export import trees
from ordain.store.export.families import booster_text, tensors_of
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.model import Model
from ordain.store.problem import build_problem

WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
Arrays = dict[str, npt.NDArray[Any]]
_FILES = {
    "baseline": ("baseline.json", "baseline.safetensors"),
    "knn": ("knn.json", "knn.safetensors"),
    "linear": ("linear.json", "linear.safetensors"),
    "naive_bayes": ("naive_bayes.json", "naive_bayes.safetensors"),
    "neural": ("neural.json", "model.safetensors"),
}
_FORMAT = 1


@EXPORTS.register
class SafetensorsFormat(ExportFormat):
    """All arrays in one safetensors file, with a JSON file that describes them."""

    type: Literal["safetensors"] = "safetensors"

    families = frozenset({*_FILES, "gbm"})

    def write(self, model: Model, path: Path) -> Written:
        """Write arrays and description."""
        from safetensors.numpy import save

        assert model.path is not None, "an export begins with a bundle"
        family = model.document.model_type.type
        folder = model.path / "model"
        if family == "gbm":
            arrays, facts = _tree_arrays(folder)
        else:
            told, weights = _FILES[family]
            arrays, facts = dict(tensors_of(folder / weights)), read_json(folder / told)
        for name, encoding in model.encodings.items():
            arrays |= {f"feature.{name}.{key}": array for key, array in encoding.arrays.items()}
        path.mkdir()
        with atomic_file(path / WEIGHTS) as file:
            plain = {key: np.ascontiguousarray(value) for key, value in sorted(arrays.items())}
            file.write(save(plain, metadata={"format": "ordain", "model_type": family}))
        write_json(path / DESCRIPTION, _description(model, arrays, facts))
        write_text(path / "README.md", _README.format(name=model.document.name))
        return Written(facts={"tensors": len(arrays)})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the files that were written."""
        arrays, told = dict(tensors_of(path / WEIGHTS)), read_json(path / DESCRIPTION)
        encodings = {
            name: from_json(one, arrays=_under(arrays, f"feature.{name}."))
            for name, one in told["features"].items()
        }
        problem = build_problem(model.document, encodings)
        read = Model(model.document, encodings, fitted=model.fitted,
                     input_schema=model.input_schema, decisions=model.decisions)  # fmt: skip
        encoded = read.encoded(read.with_derived(rows))
        if told["model_type"] == "gbm":
            matrix = Layout.of(problem.inputs).gather(encoded, slice(None))
            scores = _tree_scores(arrays, told["model"], matrix)
        else:
            scores = _by_family(model, arrays, told["model"], encoded)
        return read.decode(read.decided(scores))


def _description(model: Model, arrays: Arrays, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "name": model.document.name,
        "model_type": model.document.model_type.type,
        "inputs": {name: str(dtype) for name, dtype in model.input_schema.items()},
        "outputs": [
            {"name": output.name, "column": output.column, "type": output.type}
            for output in model.document.output_features
        ],
        "derived": dict(model.document.data.columns),
        "features": {name: to_json(encoding) for name, encoding in model.encodings.items()},
        "decisions": {name: made.to_json() for name, made in model.decisions.items()},
        "model": dict(facts),
        "tensors": {
            name: {"dtype": str(array.dtype), "shape": list(array.shape)}
            for name, array in sorted(arrays.items())
        },
    }


def _tree_arrays(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """Return the trees of every output as arrays: nodes end to end, with starts of each tree."""
    stored = read_json(folder / "gbm.json")
    arrays: Arrays = {}
    outputs = []
    for place, entry in enumerate(stored["outputs"]):
        told = {"name": entry["name"], "constant": entry["constant"]}
        if not entry["constant"]:
            ensemble = trees.parse(booster_text(folder, place))
            told |= {"objective": ensemble.objective, "n_scores": ensemble.n_scores,
                     "sigmoid": ensemble.sigmoid, "n_columns": ensemble.n_columns}  # fmt: skip
            arrays |= {f"{place}.{key}": value for key, value in _flat(ensemble).items()}
        outputs.append(told)
    return arrays, {"outputs": outputs}


def _flat(ensemble: trees.Ensemble) -> Arrays:
    all_trees = ensemble.trees
    sets = [one for tree in all_trees for one in tree.sets]

    def joined(name: str, dtype: Any) -> npt.NDArray[Any]:
        return np.array([one for tree in all_trees for one in getattr(tree, name)], dtype=dtype)

    return {
        "node_starts": _starts([len(tree.columns) for tree in all_trees]),
        "leaf_starts": _starts([len(tree.leaves) for tree in all_trees]),
        "columns": joined("columns", np.int32),
        "thresholds": joined("thresholds", np.float64),
        "takes_missing": joined("takes_missing", np.uint8),
        "left": joined("left", np.int32),
        "right": joined("right", np.int32),
        "leaves": joined("leaves", np.float64),
        "is_category": np.array([one is not None for one in sets], dtype=np.uint8),
        "set_starts": _starts([len(one or ()) for one in sets]),
        "set_members": np.array([i for one in sets for i in one or ()], dtype=np.int32),
    }


def _starts(sizes: list[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *sizes], dtype=np.int64)


def _ensemble(flat: Arrays, told: Mapping[str, Any]) -> trees.Ensemble:
    found = []
    nodes, leaves, sets = flat["node_starts"], flat["leaf_starts"], flat["set_starts"]
    for place in range(len(nodes) - 1):
        own = range(int(nodes[place]), int(nodes[place + 1]))
        part = slice(own.start, own.stop)
        members = tuple(
            tuple(flat["set_members"][sets[i] : sets[i + 1]].tolist())
            if flat["is_category"][i]
            else None
            for i in own
        )
        found.append(
            trees.Tree(
                tuple(flat["columns"][part].tolist()),
                tuple(flat["thresholds"][part].tolist()),
                members,
                tuple(bool(one) for one in flat["takes_missing"][part]),
                tuple(flat["left"][part].tolist()),
                tuple(flat["right"][part].tolist()),
                tuple(flat["leaves"][leaves[place] : leaves[place + 1]].tolist()),
            )
        )
    return trees.Ensemble(tuple(found), told["n_scores"], told["n_columns"], told["objective"],
                          told["sigmoid"])  # fmt: skip


def _tree_scores(
    arrays: Arrays, told: Mapping[str, Any], matrix: npt.NDArray[np.float32]
) -> dict[str, Scores]:
    found: dict[str, Scores] = {}
    for place, output in enumerate(told["outputs"]):
        if output["constant"]:
            constant = np.array(output["constant"])
            wide = np.tile(constant, (len(matrix), 1))
            found[output["name"]] = wide if len(constant) > 1 else wide[:, 0]
            continue
        ensemble = _ensemble(_under(arrays, f"{place}."), output)
        found[output["name"]] = trees.answers(ensemble, matrix)
    return found


def _by_family(
    model: Model,
    arrays: Arrays,
    facts: Mapping[str, Any],
    encoded: Mapping[str, EncodedColumn],
) -> dict[str, Scores]:
    """Return the scores of a family that reads its weights from the arrays alone."""
    import tempfile

    from safetensors.numpy import save

    family = model.document.model_type
    told, weights = _FILES[family.type]
    own = {key: value for key, value in arrays.items() if not key.startswith("feature.")}
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / weights).write_bytes(save(own))
        write_json(Path(scratch) / told, facts)
        fitted = family.load(Path(scratch), build_problem(model.document, model.encodings))
        return fitted.predict(encoded)


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items()
            if key.startswith(prefix)}  # fmt: skip


_README = """# {name}

`weights.safetensors` holds the arrays, `model.json` what they mean:

- `features`: how each column becomes numbers (labels, fill values, scales);
- `model`: of the family; `tensors`: type and shape of every array;
- `decisions`: calibration, intervals and abstention, after the scores.

`linear`: scores are `intercept + dense @ numbers + sparse[id]` of each category, by output
(`0.`, `1.` ...); a missing number takes its place in `centre`. `gbm`: tree i of an output has the
nodes `node_starts[i]:node_starts[i + 1]`; a child below 0 is leaf `-1 - child`; a number goes left
where it is at most `thresholds`, a category where its id is in its set.
"""
