"""Naive Bayes: each column says on its own how likely a class is; what they say is multiplied.

A number is a normal distribution in each class, a category and a binary their shares there, a
text the shares of its terms. What is missing says nothing: its factor is left out. Learning is
one count over the rows and prediction a few sums, so it is a fast second opinion; where columns
repeat one another its probabilities are too sure of themselves, while their order stays useful.

`text: complement` counts a term in all other classes, which rare classes need (Rennie, Shih,
Teevan and Karger 2003, "Tackling the Poor Assumptions of Naive Bayes Text Classifiers"). What we
do differently: the prior stays in, as in their formula 8, and a term's weight is its TF-IDF.

    model_type: naive_bayes
    trainer:
      smoothing: 1.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.core.component import Component, Spec
from ordain.features.feature import Form
from ordain.models.bayes.counting import Counter
from ordain.models.bayes.factors import Factors
from ordain.models.bayes.model import Answer, FittedBayes
from ordain.models.family import FAMILIES, Dataset, Family, FitContext, Output, Problem
from ordain.models.targets import Target, n_classes


class NaiveBayesTrainer(Spec):
    """How shares and distributions are counted."""

    smoothing: Annotated[float, Field(gt=0)] = 1.0
    """Rows' worth of doubt about each category and each term (Laplace)."""
    variance_smoothing: Annotated[float, Field(gt=0)] = 1e-3
    """Share of a number's overall variance that is added to its variance in each class."""
    text: Literal["complement", "multinomial", "bernoulli"] = "complement"
    """How terms are counted: in all other classes, in the class, or whether they occur at all."""
    prior: Literal["training", "uniform"] = "training"
    """Share of each class before any column is looked at."""


@FAMILIES.register
class NaiveBayes(Family):
    """Naive Bayes over numbers, categories and text."""

    type: Literal["naive_bayes"] = "naive_bayes"
    Trainer = NaiveBayesTrainer
    outputs: ClassVar[frozenset[str]] = frozenset({"binary", "category"})

    def form(self, type_name: str, encoder: Component | None) -> Form:  # noqa: ARG002
        """Return `linear` for text, its terms, and else `trees`: what is missing stays missing."""
        return Form.LINEAR if type_name == "text" else Form.TREES

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,  # noqa: ARG002
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedBayes:
        """Count.

        Raises:
            TrainingError: no rows, a truth that is missing, or an input that has no factors.
        """
        from threadpoolctl import threadpool_limits

        assert isinstance(trainer, NaiveBayesTrainer), "the config reads the trainer with this spec"
        factors = Factors.of(problem.inputs, train.inputs)
        answers, facts = [], {}
        # Sums on one thread do not depend on how many there are.
        with threadpool_limits(limits=1, user_api="blas"):
            for done, output in enumerate(problem.outputs, start=1):
                answers.append(_answer(output, factors, train, trainer=trainer))
                facts[output.name] = {"is_constant": answers[-1].tables is None}
                context.events.emit(
                    "progress", task="train", done=done, total=len(problem.outputs), unit="outputs"
                )
        return FittedBayes(
            problem,
            factors,
            answers,
            is_presence=trainer.text == "bernoulli",
            facts={
                "family": self.type,
                "n_rows": train.n_rows,
                "n_numbers": factors.n_numbers,
                "n_levels": int(sum(factors.n_levels)),
                "n_terms": sum(int(places[-1]) for places in factors.places.values()),
                "outputs": facts,
            },
        )

    def load(self, folder: Path, problem: Problem) -> FittedBayes:
        """Return what `FittedBayes.save` wrote."""
        return FittedBayes.load(folder, problem)


def _answer(
    output: Output, factors: Factors, train: Dataset, *, trainer: NaiveBayesTrainer
) -> Answer:
    target, classes = Target.of(output, train), n_classes(output)
    constant = target.constant(classes)
    if constant is not None:
        return Answer(None, tuple(constant.tolist()))
    weights: Any = np.ones(train.n_rows) if target.weights is None else target.weights
    counter = Counter(
        target.truth.astype(np.int64),
        weights.astype(np.float64),
        classes,
        trainer.smoothing,
        trainer.variance_smoothing,
    )
    return Answer(counter.tables(factors, train, text=trainer.text, prior=trainer.prior))
