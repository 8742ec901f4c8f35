"""What a run will do, worked out before it is done: every stage with its key.

The plan prints it, the run follows it, and its key says whether an earlier run is the answer
already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ordain.config import Config
from ordain.config.bind import Bound, settle
from ordain.config.document import Document
from ordain.core.component import Spec
from ordain.core.hashing import digest_json
from ordain.features.feature import Feature
from ordain.models.family import FAMILIES, Family
from ordain.pipeline.cache import Request
from ordain.pipeline.inputs import Rows
from ordain.pipeline.requests import FOLDING_KEYS, encode_request, fit_request, split_request

MODEL = "model"
RUN_VERSION = 1


@dataclass(frozen=True)
class Blueprint:
    """All requests of a run.

    Attributes:
        documents: by variant, `model` first, then the baselines; features settled.
        reasons: why values were chosen, by dotted path.
        required: columns whose missing rows are dropped, with the features that say so.
    """

    config: Config
    rows: Rows
    documents: Mapping[str, Document]
    reasons: Mapping[str, str]
    required: Mapping[str, Feature[Any]]
    split: Request
    encode: Mapping[str, Mapping[str, Request]]
    fit: Mapping[str, Request]
    notes: tuple[str, ...] = field(default=())

    @property
    def document(self) -> Document:
        """The declared model's document."""
        return self.documents[MODEL]

    @property
    def key(self) -> str:
        """Digest of everything that decides the run's result."""
        return digest_json(
            {
                "fit": {name: request.key for name, request in self.fit.items()},
                "evaluation": self.document.evaluation.model_dump(mode="json"),
                "name": self.document.name,
                # Only where it is declared: runs of documents without it keep their keys.
                **({"project": project} if (project := self.document.project.said) else {}),
                "limits": self._limits,
                "folds": {
                    name: getattr(self.document.preprocessing.split, name, None)
                    for name in sorted(FOLDING_KEYS)
                },
                "version": RUN_VERSION,
            }
        )

    @property
    def _limits(self) -> dict[str, float | None]:
        """Return the seconds that may end learning early, which are no part of a fit's key."""
        return {
            "run": self.document.budget.limit_seconds,
            "fit": getattr(self.document.trainer, "time_budget_seconds", None),
        }


def draw(config: Config, bound: Bound, rows: Rows) -> Blueprint:
    """Return the blueprint of a bound config on a table."""
    document, reasons = settle(bound.document)
    documents = {MODEL: document, **baseline_documents(bound.document)}
    required = {
        feature.column: feature.preprocessing
        for feature in sorted(document.features, key=lambda feature: feature.column)
        if feature in document.output_features or _drops_rows(feature.preprocessing)
    }
    split = split_request(
        rows.table,
        document.preprocessing.split,
        seed=document.seed,
        required=required,
        sets=rows.sets,
    )
    encode = {
        name: {
            feature.name: encode_request(
                split.key, column=feature.column, feature=feature.preprocessing, seed=document.seed
            )
            for feature in variant.features
        }
        for name, variant in documents.items()
    }
    fit = {
        name: fit_request(variant, {n: request.key for n, request in encode[name].items()})
        for name, variant in documents.items()
    }
    return Blueprint(
        config, rows, documents, {**bound.reasons, **reasons}, required, split, encode, fit
    )


def baseline_documents(document: Document) -> dict[str, Document]:
    """Return the documents of the baselines beside a model, settled for their own families."""
    suite = _suite(document)
    if not suite:
        return {}
    # What all of them answer is told by the encodings of the model's outputs.
    targets = settle(document)[0].output_features
    documents = {}
    for name, family, trainer in suite:
        plain = document.model_copy(
            update={
                "model_type": family,
                "trainer": trainer,
                "combiner": None,
                # They answer what the rows say: balanced ones would be easy to beat.
                "preprocessing": document.preprocessing.model_copy(
                    update={"oversample_minority": None, "undersample_majority": None}
                ),
                "input_features": tuple(
                    feature.model_copy(update={"encoder": None, "monotone": None})
                    for feature in document.inputs
                    if family.takes(feature.type)
                ),
                "output_features": tuple(
                    feature.model_copy(
                        update={"decoder": None, "loss": None, "class_weights": None}
                    )
                    for feature in targets
                ),
            }
        )
        documents[name] = settle(plain)[0]
    return documents


def _suite(document: Document) -> list[tuple[str, Family, Spec]]:
    """Return name, family and trainer of each baseline: the usual ones, and those asked for.

    Boosted trees stand beside a network of tables, whose training they are small against; a text
    would cost them more than they tell.
    """
    from ordain.models.families.baseline import baseline_suite

    evaluation, own = document.evaluation, document.model_type.type
    usual = baseline_suite(
        tuple(output.type for output in document.output_features),
        is_in_time=document.preprocessing.split.type == "datetime",
    )
    named = evaluation.named_baselines
    is_table = all(feature.type != "text" for feature in document.inputs)
    if own == "neural" and is_table and evaluation.baselines is True:
        named = (*named, "gbm")
    known = {name for name, _, _ in usual}
    extra = [name for name in dict.fromkeys(named) if name not in known and FAMILIES.has(name)]
    others = [(name, FAMILIES.build(name), FAMILIES.get(name).Trainer()) for name in extra]
    return [
        (name, family, trainer)
        for name, family, trainer in (*usual, *others)
        if (evaluation.baselines is True or name in named) and not family.type == own != "baseline"
    ]


def _drops_rows(feature: Feature[Any]) -> bool:
    return "drop_row" in {
        getattr(feature, key, None) for key in ("missing_value_strategy", "outlier_strategy")
    }


def scope_of(name: str, variant: str) -> str:
    """Return the scope that artefacts of a variant are explained in."""
    return name if variant == MODEL else f"{name} / {variant}"
