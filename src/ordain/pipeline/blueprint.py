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
from ordain.core.hashing import digest_json
from ordain.features.feature import Feature
from ordain.pipeline.cache import Request
from ordain.pipeline.inputs import Rows
from ordain.pipeline.requests import encode_request, split_request
from ordain.pipeline.variant import fit_request

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
                "version": RUN_VERSION,
            }
        )


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
    wanted = document.evaluation.baselines
    if wanted is False:
        return {}
    from ordain.models.families.baseline import baseline_suite

    suite = baseline_suite(tuple(output.type for output in document.output_features))
    documents = {}
    for name, family, trainer in suite:
        if (
            wanted is not True and name not in wanted
        ) or family.type == document.model_type.type == "linear":
            continue
        plain = document.model_copy(
            update={
                "model_type": family,
                "trainer": trainer,
                "combiner": None,
                "input_features": tuple(
                    feature.model_copy(update={"encoder": None})
                    for feature in document.inputs
                    if family.takes(feature.type)
                ),
                "output_features": tuple(
                    feature.model_copy(update={"decoder": None, "loss": None})
                    for feature in document.output_features
                ),
            }
        )
        documents[name] = settle(plain)[0]
    return documents


def _drops_rows(feature: Feature[Any]) -> bool:
    return "drop_row" in {
        getattr(feature, key, None) for key in ("missing_value_strategy", "outlier_strategy")
    }


def scope_of(name: str, variant: str) -> str:
    """Return the scope that artefacts of a variant are explained in."""
    return name if variant == MODEL else f"{name} / {variant}"
