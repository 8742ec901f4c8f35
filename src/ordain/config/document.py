"""The document as typed objects: what a config says once it has been read.

    name: churn
    data: {source: telco.csv}
    input_features: {tenure: number, contract: category}
    output_features: {churn: binary}

Every class here is a block of the language; its fields are the keys, with their only defaults.
Blocks that depend on another key (`trainer` on `model_type`, `preprocessing` of a feature on its
`type`) hold the spec of the component that was named.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NoReturn

from pydantic import Field, SerializeAsAny

from ordain.config.budget import Budget
from ordain.config.deployment import Deployment
from ordain.config.evaluation import Evaluation
from ordain.config.project import Project
from ordain.core.component import OneOf, Spec
from ordain.data.source import SOURCES, Source
from ordain.data.splitter import SPLITTERS, Splitter
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import FEATURES, Encoding, Feature
from ordain.models.family import FAMILIES, Backend, Family
from ordain.models.neural.component import AnyCombiner, AnyDecoder, AnyEncoder, AnyLoss

VERSION: Literal[1] = 1
AUTO = "auto"

Share = Annotated[float, Field(gt=0, le=1)]
AnySource = Annotated[Source, OneOf(lambda: SOURCES)]
AnySplitter = Annotated[Splitter, OneOf(lambda: SPLITTERS, default="random")]
AnyFeature = Annotated[Feature[Any], OneOf(lambda: FEATURES)]
AnyFamily = Annotated[Family, OneOf(lambda: FAMILIES)]


def _random_split() -> Splitter:
    return SPLITTERS.build("random")


def _neural() -> Family:
    return FAMILIES.build("neural")


class Data(Spec):
    """Where rows come from and which of them are used."""

    source: str | AnySource | None = None
    """File, glob, URL, `dataset:NAME`, or a source with its options; may be given on the command
    line instead."""
    training_set: str | AnySource | None = None
    """Rows to train on, where the sets come as separate sources."""
    validation_set: str | AnySource | None = None
    """Rows that decide when to stop; cut from the training set where it is not given."""
    test_set: str | AnySource | None = None
    """Rows that judge; never touched in training."""
    where: str | None = None
    """SQL condition (DuckDB's dialect) a row must meet to be used."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Derived columns: name to SQL expression over the columns that were read."""
    sample: Annotated[int, Field(gt=0)] | Share | None = None
    """Rows to train on, taken at random: a share such as 0.1, or a number of rows."""


class Preprocessing(Spec):
    """How rows are divided into sets, and how many are used."""

    split: AnySplitter = Field(default_factory=_random_split)
    """Which rows train, validate and test."""
    sample_ratio: Share = 1.0
    """Share of the rows to use."""
    sample_size: Annotated[int, Field(gt=0)] | None = None
    """Number of rows to use at most."""
    oversample_minority: Share | None = None
    """Repeat training rows of the rarer class until it has this share of the commoner one."""
    undersample_majority: Share | None = None
    """Drop training rows of the commoner class until the rarer has this share of it."""


class TypeDefaults(Spec):
    """What all features of one type have in common."""

    preprocessing: AnyFeature | None = None
    """Options of the type."""
    encoder: AnyEncoder | None = None
    """Encoder of inputs of the type."""
    decoder: AnyDecoder | None = None
    """Decoder of outputs of the type."""
    loss: AnyLoss | None = None
    """Loss of outputs of the type."""


class Undecided(Feature[Encoding]):
    """Stands in for the options of a feature whose type is inferred when data is bound."""

    type: Literal["auto"] = "auto"
    Fitted: ClassVar = Encoding

    def settle(self, form: object) -> NoReturn:
        """Refuse: there is nothing to settle yet."""
        del form
        raise TypeError("the type of this feature is inferred by `bind`")

    fit = encode = row = settle  # type: ignore[assignment,pydantic-field]


class InputFeature(Spec):
    """A column to learn from."""

    name: str
    """Name of the feature; also the column, unless `column` is given."""
    type: str = AUTO
    """Column type; `auto` infers it from the data."""
    column: str = ""
    """Column of the table; the feature's name by default."""
    preprocessing: AnyFeature = Field(default_factory=Undecided)
    """Options of the type: missing values, scaling, vocabulary ..."""
    encoder: AnyEncoder | None = None
    """How a neural model reads the column; `auto` lets the family choose."""
    monotone: Literal["increasing", "decreasing"] | None = None
    """Which way the answer may go as the column grows, all else equal; for `gbm`, on numbers and
    binaries."""


class OutputFeature(Spec):
    """A column to predict."""

    name: str
    """Name of the output; also the column, unless `column` is given."""
    type: str = AUTO
    """Column type; `auto` infers it from the data."""
    column: str = ""
    """Column of the table; the output's name by default."""
    preprocessing: AnyFeature = Field(default_factory=Undecided)
    """Options of the type."""
    decoder: AnyDecoder | None = None
    """How a neural model predicts the column; `auto` lets the family choose."""
    loss: AnyLoss | None = None
    """What the model minimises, where its family has a choice; `auto` leaves it to the family."""
    class_weights: dict[str, Annotated[float, Field(gt=0)]] | Literal["balanced"] | None = None
    """Weight of each class by label; `balanced` weighs classes by the inverse of their share."""


class Head(Spec):
    """The keys at the top that hold one value each."""

    version: Literal[1] = VERSION
    """Version of the language."""
    name: Annotated[str, Field(min_length=1)] = "model"
    """Name of the experiment; runs are filed under it."""
    seed: Annotated[int, Field(ge=0)] = 42
    """The one seed that all randomness is derived from."""


class Document(Head):
    """A whole config."""

    project: Project = Field(default_factory=Project)
    """What the model is for, and whose it is."""
    data: Data = Field(default_factory=Data)
    """Where rows come from."""
    preprocessing: Preprocessing = Field(default_factory=Preprocessing)
    """Split and sampling."""
    defaults: dict[str, TypeDefaults] = Field(default_factory=dict)
    """Options for all features of a type."""
    input_features: tuple[InputFeature, ...] | Literal["all"]
    """Columns to learn from; `all` takes every column that is not an output."""
    output_features: tuple[OutputFeature, ...]
    """Columns to predict."""
    model_type: AnyFamily = Field(default_factory=_neural)
    """Model family."""
    combiner: AnyCombiner | None = None
    """How a neural model joins its inputs; `auto` lets the family choose."""
    trainer: SerializeAsAny[Spec] = Field(default_factory=Spec)
    """How the model learns; the keys are those of the family."""
    evaluation: Evaluation = Field(default_factory=Evaluation)
    """How the model is judged, and what it must meet."""
    backend: Backend = Field(default_factory=Backend)
    """Device, precision, threads."""
    budget: Budget = Field(default_factory=Budget)
    """Time and money a run may take, and the price of an hour."""
    deployment: Deployment | None = None
    """Which versions answer, for whom, under which limits; a document may hold it alone."""

    @property
    def is_deployment_alone(self) -> bool:
        """Whether the document declares what is served, and nothing to train."""
        return self.deployment is not None and not self.output_features

    @property
    def inputs(self) -> tuple[InputFeature, ...]:
        """The input features of a bound document, in which `all` has been listed."""
        assert not isinstance(self.input_features, str), "`bind` lists the inputs"
        return self.input_features

    @property
    def features(self) -> tuple[InputFeature | OutputFeature, ...]:
        """The features of a bound document, inputs first."""
        return (*self.inputs, *self.output_features)


BESIDE_DEPLOYMENT = frozenset({"version", "name", "seed", "project", "deployment"})
"""Keys that a document without anything to train may hold."""
KINDS_OF_TYPE: dict[str, frozenset[Kind]] = {
    "number": frozenset({Kind.SCALAR, Kind.VECTOR}),
    "binary": frozenset({Kind.SCALAR}),
    "category": frozenset({Kind.INDEX}),
    "text": frozenset({Kind.TOKENS, Kind.BAG}),
    "date": frozenset({Kind.VECTOR, Kind.SCALAR}),
}
"""Kinds of encoded column that neural models get from each type."""

__all__ = [
    "AUTO",
    "BESIDE_DEPLOYMENT",
    "VERSION",
    "Budget",
    "Data",
    "Deployment",
    "Document",
    "Evaluation",
    "InputFeature",
    "OutputFeature",
    "Preprocessing",
    "Project",
    "Shape",
    "TypeDefaults",
    "Undecided",
]
