"""The subject: a fitted model with the rows it is studied on.

Slices, explanations, error analysis, sanity checks and diagnosis all read one. It holds the rows
as they were read (for expressions, names of values, and what a person is shown), the same rows
encoded (so that a question such as "what if this column were shuffled" costs one prediction and
no second reading), and the scores.

Whoever holds a model makes the subject (`ordain.store.subject`); nothing here knows of bundles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.randomness import generator
from ordain.evaluation.sample import THRESHOLD, Array
from ordain.features.encoded import EncodedColumn
from ordain.models.attribution import Attribution

Encoded = Mapping[str, EncodedColumn]
Scorer = Callable[[Encoded], dict[str, Array]]
"""From encoded inputs of N rows to the scores of every output, as metrics read them: probability
of the positive class [N], of all classes [N, C], or numbers in the units of the truth [N]."""
Attributor = Callable[[Encoded, str], Attribution | None]
"""From encoded inputs and an output to what each input adds to the score, where the family knows
it; see `FittedModel.attribute`."""


@dataclass(frozen=True)
class Column:
    """An input of the model.

    Attributes:
        name: of the feature.
        column: of the frame; equal to the name unless the config says otherwise.
        type: number, binary, category, text, date.
    """

    name: str
    column: str
    type: str


@dataclass(frozen=True)
class Target:
    """An output, with the truth and the scores of the subject's rows.

    Attributes:
        type: binary, category or number.
        labels: names of the classes; for binary (negative, positive); empty for a number.
        truth: 0 or 1 [N]; class index [N]; number in its own units [N]; missing and unseen values
            as `evaluate.SetScores` says them.
        scores: probability of the positive class [N]; of all classes [N, C]; number [N].
        threshold: probability from which a row is called positive; for binary.
        baselines: scores of the same rows by other models, by name.
    """

    name: str
    column: str
    type: str
    labels: tuple[str, ...]
    truth: Array
    scores: Array
    threshold: float = THRESHOLD
    baselines: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def is_judged(self) -> npt.NDArray[np.bool_]:
        """Whether the truth of a row is known and was seen in training [N]."""
        if self.truth.dtype.kind == "f":
            known: npt.NDArray[np.bool_] = ~np.isnan(self.truth)
            return known if self.type == "number" else known & (self.truth >= 0)
        return np.asarray(self.truth >= 0)

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """Return the target at these row positions."""
        return replace(
            self,
            truth=self.truth[rows],
            scores=self.scores[rows],
            baselines={name: scores[rows] for name, scores in self.baselines.items()},
        )


@dataclass(frozen=True)
class Subject:
    """A fitted model with N rows to study it on.

    Attributes:
        frame: the rows as they were read, derived columns included; columns that are no inputs
            may be there too (slices may name them).
        columns: the inputs, in the order of the config.
        encoded: the inputs encoded, by feature name; N rows each.
        targets: by output name.
        score: the model; decisions such as calibration are part of what it answers.
        encode: ``encode(feature name, series of raw values, rows)``: a column of other values;
            `rows` are the same rows of all columns, for cells that depend on others, or None.
        background: a few encoded rows that stand for knowing nothing; kept with the bundle, so
            that a row is explained the same way wherever it is.
        attribute: what each input adds, where the family knows it.
        derive: computes the columns of a frame that follow from others, again; None where no column
            does.
        derived: names of these columns.
        set: name of the set of rows, such as `test`.
        groups: entity of each row [N] where the split keeps entities together, else None.
        row_ids: position of each row in the table that was read [N], for showing.
        seed: that random choices are derived from.
    """

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    encoded: Encoded
    targets: Mapping[str, Target]
    score: Scorer
    encode: Callable[[str, pl.Series, pl.DataFrame | None], EncodedColumn]
    background: Encoded = field(default_factory=dict)
    attribute: Attributor | None = None
    derive: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    derived: frozenset[str] = frozenset()
    set: str = "test"
    groups: npt.NDArray[np.int64] | None = None
    row_ids: npt.NDArray[np.int64] | None = None
    seed: int = 42

    def __len__(self) -> int:
        return self.frame.height

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """Return the subject at these row positions, in this order."""
        return replace(
            self,
            frame=self.frame[rows],
            encoded={name: column.take(rows) for name, column in self.encoded.items()},
            targets={name: target.take(rows) for name, target in self.targets.items()},
            groups=None if self.groups is None else self.groups[rows],
            row_ids=rows if self.row_ids is None else self.row_ids[rows],
        )

    def sample(self, n_rows: int, purpose: str) -> Self:
        """Return at most `n_rows` rows, drawn evenly and kept in order; the same each time."""
        if len(self) <= n_rows:
            return self
        random = generator(self.seed, "evaluation", purpose)
        return self.take(np.sort(random.choice(len(self), n_rows, replace=False)))
