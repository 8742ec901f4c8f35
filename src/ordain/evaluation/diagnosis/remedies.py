"""Remedies: the changes of a config that may help against what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ordain.config.document import Document
from ordain.evaluation.diagnosis.gaps import ErrorSplit
from ordain.evaluation.diagnosis.growth import Growth
from ordain.evaluation.diagnosis.noise import LabelNoise, Twins
from ordain.evaluation.diagnosis.patch import Patch, Path, Setting
from ordain.evaluation.diagnosis.robustness import Robustness
from ordain.evaluation.diagnosis.staleness import Staleness
from ordain.evaluation.diagnosis.upkeep import Upkeep


@dataclass(frozen=True)
class Known:
    """What was measured of one output.

    Attributes:
        document: of the run, features settled.
        written: the keys at the top of the config as the user wrote it, with their values.
        powers: how well each input alone tells the target, 1 is perfect, by name.
        shares: of the classes, by label.
        recalls: of the classes, by label.
        baselines: the deciding metric of the baselines on validation rows, by name.
        facts: what the family found while learning.
        date_column: that rows could be split by; None without one.
    """

    output: str
    document: Document
    written: Mapping[str, Any]
    split: ErrorSplit
    is_higher_better: bool
    growth: Growth | None = None
    noise: LabelNoise | None = None
    twins: Twins | None = None
    robustness: Robustness | None = None
    staleness: Staleness | None = None
    upkeep: Sequence[Upkeep] = ()
    powers: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    recalls: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    date_column: str | None = None

    @property
    def family(self) -> str:
        """Of the model."""
        return self.document.model_type.type

    @property
    def inputs(self) -> dict[str, str]:
        """What `input_features: all` stands for; empty where the inputs are listed."""
        if self.written.get("input_features") != "all":
            return {}
        return {one.name: one.type for one in self.document.inputs}


def simpler(known: Known) -> list[Patch]:
    """Return what makes the model of this family fit less."""
    settings = _settings(known)
    if known.family == "gbm":
        leaves = max(3, round(float(settings.get("num_leaves", 31)) / 2))
        rows = max(2, 2 * round(float(settings.get("min_data_in_leaf", 20))))
        return [
            patch_of(
                "smaller-trees",
                f"trees of {leaves} leaves of {rows} rows at least",
                "smaller trees fit less and overfit later",
                {("trainer", "num_leaves"): leaves, ("trainer", "min_data_in_leaf"): rows},
            ),
            patch_of(
                "stronger-ridge",
                "a penalty on the answers of leaves",
                "leaves of few rows answer less; helps where noise is learned",
                {("trainer", "lambda_l2"): 10.0 + 2 * float(settings.get("lambda_l2") or 0.0)},
            ),
        ]
    if known.family == "linear":
        strength = settings.get("regularization")
        value = float(strength) / 10 if isinstance(strength, int | float) else 0.01
        return [
            patch_of(
                "stronger-ridge",
                "a tenth of the freedom of the weights",
                "smaller weights fit less and vary less with the rows",
                {("trainer", "regularization"): float(f"{value:.3g}")},
            )
        ]
    if known.family == "neural":
        return _simpler_network(known)
    if known.family == "knn":
        neighbours = settings.get("k")
        value = 2 * int(neighbours) if isinstance(neighbours, int) else 50
        return [
            patch_of(
                "more-neighbours",
                f"the mean of {value} neighbours",
                "each answer rests on more rows",
                {("trainer", "k"): value},
            )
        ]
    return []


def larger(known: Known) -> list[Patch]:
    """Return what makes the model fit more: other settings, or a family that can do more."""
    found = [_other_family(known, name) for name in better_baselines(known)]
    settings = _settings(known)
    if known.family == "gbm":
        leaves = 2 * round(float(settings.get("num_leaves", 31)))
        found.append(
            patch_of(
                "larger-trees",
                f"trees of {leaves} leaves",
                "larger trees fit more, and overfit sooner",
                {("trainer", "num_leaves"): leaves},
            )
        )
    elif known.family == "neural":
        combiner = known.document.combiner
        width = int(getattr(combiner, "output_size", 256) or 256)
        if combiner is None or hasattr(combiner, "output_size"):
            found.append(
                patch_of(
                    "wider-network",
                    f"layers of {2 * width}",
                    "a wider network fits more; slower",
                    _combiner(known, "output_size", 2 * width),
                )
            )
        found.append(_other_family(known, "gbm"))
    elif known.family in {"linear", "naive_bayes", "knn", "baseline"}:
        found.append(_other_family(known, "gbm"))
    names = [patch.name for patch in found]
    return [patch for place, patch in enumerate(found) if names.index(patch.name) == place]


def sturdier(known: Known, kind: str) -> list[Patch]:
    """Return what makes labels that are spelled otherwise, or new, cost less."""
    labels = [one for one in known.document.inputs if one.type == "category"]
    value: Any
    if kind == "typos":
        key, value, title = "unseen", "nearest", "misspelled labels are read as the nearest one"
        named = [
            one.name
            for one in labels
            if getattr(one.preprocessing, "unseen", "") == "bucket"
            and not getattr(one.preprocessing, "hash_buckets", None)
        ]
    elif kind == "unseen":
        key, value, title = "min_count", 5, "rare labels teach what an unseen one means"
        named = [one.name for one in labels if getattr(one.preprocessing, "min_count", 5) == 1]
    else:
        return []
    has_labels = any(one.type == "category" for one in known.document.output_features)
    if not named or (known.inputs and has_labels):
        return []
    # Inputs that nobody has listed are told by what their type has in common.
    paths: list[Path] = [("input_features", name, "preprocessing", key) for name in named]
    if known.inputs:
        paths = [("defaults", "category", "preprocessing", key)]
    expected = "damaged labels cost less; on clean rows next to nothing changes"
    return [patch_of(f"sturdier-{kind}", title, expected, dict.fromkeys(paths, value))]


def more_rows(known: Known) -> list[Patch]:
    """Return what lets the model learn from rows that are there and left out."""
    document, remove = known.document, []
    if document.data.sample is not None:
        remove.append(("data", "sample"))
    written = known.written.get("preprocessing") or {}
    remove += [("preprocessing", key) for key in ("sample_ratio", "sample_size") if key in written]
    if not remove:
        return []
    patch = patch_of("all-rows", "learn from all rows", "more rows are learned from; slower", {})
    return [patch.model_copy(update={"remove": tuple(remove)})]


def split_in_time(known: Known) -> list[Patch]:
    """Return the split by which the future judges, where a column says when rows are from."""
    if known.date_column is None or known.document.preprocessing.split.type == "datetime":
        return []
    return [
        patch_of(
            "split-by-time",
            "the past trains, the future tests",
            "the test set says what the future will bring; scores are lower and more honest",
            {
                ("preprocessing", "split"): {
                    "type": "datetime",
                    "column": known.date_column,
                }
            },
        )
    ]


def _simpler_network(known: Known) -> list[Patch]:
    patches = []
    combiner = known.document.combiner
    dropout = getattr(combiner, "dropout", "auto")
    if combiner is None or hasattr(combiner, "dropout"):
        value = 0.5 if not isinstance(dropout, float) else min(0.7, dropout + 0.2)
        patches.append(
            patch_of(
                "more-dropout",
                f"dropout of {value:g}",
                "a network that cannot lean on single numbers overfits later",
                _combiner(known, "dropout", round(value, 2)),
            )
        )
    own = float(getattr(known.document.trainer, "regularization_lambda", 0.0) or 0.0)
    patches.append(
        patch_of(
            "weight-penalty",
            "a penalty on the weights",
            "smaller weights fit less and vary less with the rows",
            {("trainer", "regularization_lambda"): max(1e-4, own * 10)},
        )
    )
    return patches


def _combiner(known: Known, key: str, value: Any) -> dict[Path, Any]:
    """Return the setting of a key of the combiner, named where nobody has."""
    if known.written.get("combiner") is not None:
        return {("combiner", key): value}
    return {("combiner",): {"type": "concat", key: value}}


def _other_family(known: Known, name: str) -> Patch:
    """Return the patch to another family; what only the old one understands goes."""
    remove = [(key,) for key in ("trainer", "combiner") if key in known.written]
    patch = patch_of(
        f"family-{name}",
        f"the family `{name}`",
        "another kind of model of the same columns",
        {("model_type",): name},
    )
    return patch.model_copy(update={"remove": tuple(remove)})


def without(known: Known, names: Sequence[str], file: str, expected: str) -> Patch:
    """Return the patch that takes inputs out."""
    return Patch(
        name=file,
        title=f"without {listed(names)}",
        expected=expected,
        remove=tuple(("input_features", name) for name in names),
        inputs=known.inputs,
    )


def patch_of(name: str, title: str, expected: str, settings: Mapping[Path, Any]) -> Patch:
    """Return the patch that sets some keys."""
    made = tuple(Setting(path=path, value=value) for path, value in settings.items())
    return Patch(name=name, title=title, expected=expected, set=made)


def better_baselines(known: Known) -> list[str]:
    """Return the families among the baselines that are as good as the model, the best first."""
    own = known.split.values.get("validation")
    if own is None:
        return []
    sign = 1 if known.is_higher_better else -1
    found = {name: sign * value for name, value in known.baselines.items() if name == "linear"}
    better = [name for name, value in found.items() if value >= sign * own]
    return [name for name in better if name != known.family]


def _settings(known: Known) -> dict[str, Any]:
    """Return what the family settled for the output, over what was declared."""
    declared = {
        name: value
        for name, value in known.document.trainer
        if value is not None and value != "auto"
    }
    own = known.facts.get("outputs", {})
    found = own.get(known.output, {}) if isinstance(own, Mapping) else {}
    settled = found.get("settings", found) if isinstance(found, Mapping) else {}
    return {**dict(settled), **declared}


def listed(names: Sequence[str]) -> str:
    """Return up to five names in words."""
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"  # noqa: PLR2004
