"""Which encoder a column gets where none is written, with the reason."""

from __future__ import annotations

from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import Encoder
from ordain.models.neural.encoders.bag import BagEncoder
from ordain.models.neural.encoders.dense import DenseEncoder
from ordain.models.neural.encoders.embed import EmbedEncoder
from ordain.models.neural.encoders.onehot import OneHotEncoder
from ordain.models.neural.encoders.parallel_cnn import ParallelCnnEncoder
from ordain.models.neural.encoders.passthrough import PassthroughEncoder
from ordain.models.neural.encoders.piecewise_linear import PiecewiseLinearEncoder

_ONEHOT_MAX = 9


def choose_encoder(type_name: str, shape: Shape) -> tuple[Encoder, str]:
    """Return the encoder of a column and why.

    After RealMLP-TD (arXiv 2407.04491), with piecewise-linear numbers in place of periodic ones:
    they need a quarter of the epochs, and find the thresholds of columns that are mostly one value.
    """
    if shape.kind is Kind.BAG:
        return BagEncoder(), "text as a bag of n-grams: fast, learned from these rows alone"
    if shape.kind is Kind.TOKENS:
        return ParallelCnnEncoder(), "text as tokens"
    if shape.kind is Kind.INDEX:
        return _of_category(shape.cardinality)
    if shape.role == "binary":
        return PassthroughEncoder(), "yes or no needs no spreading"
    if shape.kind is Kind.VECTOR and type_name == "text":
        return DenseEncoder(), "a vector of text"
    return PiecewiseLinearEncoder(), "numbers: quantile bins beside the number find thresholds"


def _of_category(cardinality: int) -> tuple[Encoder, str]:
    if cardinality <= _ONEHOT_MAX:
        return OneHotEncoder(), f"{cardinality} categories, at most {_ONEHOT_MAX}"
    return EmbedEncoder(embedding_size=8), f"{cardinality} categories, more than {_ONEHOT_MAX}"
