"""The contract of a column type: options, fit, encode, row, decode.

A feature type is one component in one module of this room. Its fields are the keys a user may
write under `preprocessing` of a feature. It turns a Polars column into an encoded column, with
state (the *encoding*) fitted on training rows only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, PrivateAttr

from ordain.core.component import Component, Registry, Spec
from ordain.features.encoded import EncodedColumn, RowValue, Shape
from ordain.features.step import Step

Scores = npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""What a model answers for one output: binary, probability of the positive class [N]; category,
probabilities [N, C]; number, values in the encoded (scaled) space [N]."""


class Form(StrEnum):
    """What a model asks of an input column; `auto` options are settled by it.

    trees   numbers as they are (NaN kept), categories as indices, text as a dense vector
    linear  numbers centred, scaled and filled, with an indicator; text as TF-IDF bags
    dense   as `linear`, robustly scaled and smoothly clipped, for neural networks;
            text as a bag of hashed n-grams
    tokens  text as a sequence of token ids
    """

    TREES = "trees"
    LINEAR = "linear"
    DENSE = "dense"
    TOKENS = "tokens"


class Encoding(Spec):
    """A feature's fitted state: JSON, plus arrays too large for JSON.

    Everything that `encode`, `row` and `decode` need is here, so that a bundle needs no other
    file to turn a row into numbers.
    """

    type: str
    """Type name of the feature that fitted it."""
    shape: Shape
    """What a model must know of the encoded column."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What fitting saw and did, for people: counts of missing, unparsed, clipped, rare values with
    up to three examples, mean, range ...; nothing is computed from it."""
    _arrays: dict[str, npt.NDArray[Any]] = PrivateAttr(default_factory=dict)

    @property
    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Large fitted arrays by name; stored beside the JSON."""
        return self._arrays

    def with_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the same encoding holding these arrays."""
        copy = self.model_copy()
        copy._arrays = dict(arrays)  # noqa: SLF001
        return copy


E = TypeVar("E", bound=Encoding)


class Feature(Component, Generic[E]):
    """A column type.

    The pipeline calls, in order: `settle` once per run, `fit` once on the training rows,
    `rows_to_drop` on the training rows, `encode` on rows of any number (in blocks, unless
    `depends_on_order`), and for outputs `decode` on a model's scores. `row` is called once when a
    model is loaded to answer single rows.

    What is missing: null, NaN, a value that cannot be read as this type, and for all but text an
    empty or blank string. What a missing cell becomes is the type's `missing_value_strategy`.

    A cell may depend on other columns of its row: those that `reads` names. `fit`, `encode` and
    `inspect` then take them as `others`, a frame of the same rows that may hold more columns, and
    the function that `row` returns takes the row itself as its second argument.

    Class attributes:
        Fitted: the class of its encoding, for loading.
        is_output: whether the type may be predicted.
        forms: which forms an input of the type can take.
        input_options: keys that only an input follows; on an output they are refused.
    """

    Fitted: ClassVar[type[Encoding]]
    is_output: ClassVar[bool] = False
    forms: ClassVar[frozenset[Form]] = frozenset(Form)
    input_options: ClassVar[frozenset[str]] = frozenset()

    _is_predicted: bool = PrivateAttr(default=False)

    @property
    def is_predicted(self) -> bool:
        """Whether the feature was settled as an output."""
        return self._is_predicted

    def settled(
        self, options: Mapping[str, tuple[Any, str]], form: Form | None
    ) -> tuple[Self, dict[str, str]]:
        """Return the feature for the role that `form` says, and the reason of each key replaced.

        Args:
            options: what an option that is `auto` becomes, and why; others stay as they are.
            form: as `settle` takes it.
        """
        chosen = {key: pair for key, pair in options.items() if getattr(self, key) == "auto"}
        copy = self.model_copy(update={key: option for key, (option, _) in chosen.items()})
        copy._is_predicted = form is None  # noqa: SLF001
        return copy, {key: reason for key, (_, reason) in chosen.items()}

    @abstractmethod
    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options with every `auto` replaced, and the reason for each key replaced.

        An option that rests on the training rows (`if_missing`, `infer`) stays and is decided by
        `fit`, which records it in the encoding.

        Args:
            form: what the model asks of an input; None for an output.
        """

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the other columns that a cell depends on."""
        strategy = getattr(self, "missing_value_strategy", None) or ""
        if strategy.startswith("fill_with_group_"):
            return (str(getattr(self, "missing_group")),)  # noqa: B009 - of the types that fill
        if strategy == "fill_with_model":
            return tuple(getattr(self, "missing_inputs", None) or ())
        return ()

    @abstractmethod
    def fit(self, column: pl.Series, *, seed: int, others: pl.DataFrame | None = None) -> E:
        """Return the encoding of training rows; `self` has been settled.

        Missing and unparseable cells are counted in the facts. A column that is empty, constant,
        all missing, or has one row must fit.

        Args:
            column: the training rows.
            seed: of the run.
            others: the same rows of the columns that `reads` names; without them a cell that
                depends on them is fitted as where all of them are missing.

        Raises:
            DataError: the column cannot be of this type at all; the message names the column, the
                number of bad rows, up to three values with row numbers, and the key that mends it.
        """

    @abstractmethod
    def encode(
        self, column: pl.Series, encoding: E, others: pl.DataFrame | None = None
    ) -> EncodedColumn:
        """Return the arrays of a column of any length, including zero.

        `others` are the same rows of the columns that `reads` names; without them each of their
        cells counts as missing.

        Raises:
            DataError: a missing or unseen value where the options say `error`.
        """

    @abstractmethod
    def row(self, encoding: E) -> Callable[..., RowValue]:
        """Return a function from one raw value (None if missing) to the numbers `encode` gives.

        Equal to `encode` of a one-row column, bit for bit. Where `reads` is not empty the function
        takes the raw row as well, a mapping by column name; a name that is not there is missing.
        """

    def steps(self, value: object, encoding: E, row: Mapping[str, object]) -> list[Step]:
        """Return what happens to one cell on its way to numbers, for people to follow.

        The last step is `encoded`, with what `row` gives.

        Args:
            value: the raw cell, None if missing.
            encoding: fitted.
            row: raw cells of the row by column, for what `reads` names.
        """
        cell: Any = self.row(encoding)
        numbers = cell(value, row) if self.reads else cell(value)
        return [Step("encoded", numbers, self.encoded_as(encoding))]

    def encoded_as(self, encoding: E) -> str:
        """Return how a value that is read and filled becomes numbers, for people."""
        return str(encoding.shape.kind)

    @property
    def depends_on_order(self) -> bool:
        """Whether a row's cell depends on its neighbours (`ffill`, `bfill`).

        The pipeline then encodes a column as one block, in table order; a row alone takes the
        fill value that fitting found.
        """
        return getattr(self, "missing_value_strategy", None) in {"ffill", "bfill"}

    @property
    def drop_needs_fit(self) -> bool:
        """Whether `rows_to_drop` depends on fitted state: outliers, labels that are not kept.

        Then fit on the training rows and give that encoding; without one the type fits on the
        column given, whose rows of validation and test would have a say.
        """
        return False

    def rows_to_drop(
        self,
        column: pl.Series,  # noqa: ARG002 - types that drop use it
        encoding: E | None = None,  # noqa: ARG002
        *,
        only_missing: bool = False,  # noqa: ARG002
    ) -> pl.Series | None:
        """Return True for each row that must be taken out of training, or None for no row.

        A row goes where its cell is missing and `missing_value_strategy` is `drop_row`, where its
        number is an outlier and `outlier_strategy` is `drop_row`, and, for an output, where its
        truth has no class: a missing label that nothing fills, a label that was not kept.

        `encode` never drops: rows of validation, test and prediction all get a cell.

        Args:
            column: rows of any number.
            encoding: fitted on training rows; without one the column is read with the formats
                inferred from itself, and fitted on itself where `drop_needs_fit`.
            only_missing: take out missing cells only, not outliers or labels that were not kept:
                the rows without a truth, which validation and test cannot use either.
        """
        return None

    def inspect(
        self,
        column: pl.Series,
        encoding: E,  # noqa: ARG002 - the contract
        others: pl.DataFrame | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return what reading a column found: counts, with up to three examples each.

        ``{"n_rows": 9, "n_missing": 2, "unparsed": {"count": 1, "examples": [...]}}``; the keys
        other than the first two stand only where their count is above zero. `fit` keeps the same
        in the facts; the pipeline calls this on the rows it predicts.
        """
        return {"n_rows": len(column), "n_missing": column.null_count()}

    def decode(self, scores: Scores, encoding: E, name: str) -> dict[str, pl.Series]:
        """Return the prediction columns of an output called `name`.

        ``<name>_prediction``, and for classes ``<name>_probability`` (of the predicted class) and
        ``<name>_probability_<class>``.
        """
        raise NotImplementedError(f"a `{self.type}` column cannot be predicted")

    def decode_row(self, encoding: E, name: str) -> Callable[[Any], dict[str, Any]]:
        """Return a function from the scores of one row (a float, or floats [C]) to plain values.

        The keys and values equal those of `decode` on one row.
        """
        raise NotImplementedError(f"a `{self.type}` column cannot be predicted")


FEATURES: Registry[Feature[Any]] = Registry(
    "feature type",
    Feature,
    package="ordain.features",
)
