"""The sanity checks of a training: what they look at, made from what the run holds at its end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document
from ordain.core.events import Events
from ordain.core.randomness import generator
from ordain.data.splitter import TRAIN
from ordain.data.table import Table
from ordain.evaluation.checks.check import CheckResult, Training, run_checks
from ordain.evaluation.decision.decision import Decision
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.subject import Subject
from ordain.features.feature import Encoding
from ordain.models.family import FitContext, FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint
from ordain.pipeline.requests import available_cores
from ordain.pipeline.variant import Prepared
from ordain.store.subject import make_subject

N_ROWS = 5_000
"""Rows of each set that checks look at, at most."""


def check_training(
    blueprint: Blueprint,
    prepared: Mapping[str, Prepared],
    fitted: Mapping[str, FittedModel],
    *,
    judged: Mapping[str, OutputSummary],
    encodings: Mapping[str, Encoding] | None = None,
    decisions: Mapping[str, Decision] | None = None,
) -> tuple[CheckResult, ...]:
    """Return the answers of the checks that `evaluation.checks` asks for.

    Args:
        blueprint: of the run.
        prepared: encoded columns by variant.
        fitted: models by variant.
        judged: the judgement of each output, with its baselines.
        encodings: of the model, where thresholds were chosen since; else those it was prepared by.
        decisions: that mend the model's scores, by output.
    """
    main = prepared[MODEL]
    wanted = main.document.evaluation.checks
    if wanted is False:
        return ()
    training = training_of(
        blueprint,
        main,
        fitted[MODEL],
        judged=judged,
        encodings=encodings or main.encodings,
        decisions=decisions,
    )
    return run_checks(training, wanted)


def training_of(
    blueprint: Blueprint,
    main: Prepared,
    fitted: FittedModel,
    *,
    judged: Mapping[str, OutputSummary],
    encodings: Mapping[str, Encoding],
    decisions: Mapping[str, Decision] | None = None,
) -> Training:
    """Return what checks look at: samples of two sets, and what the run knows of them."""
    document, table = main.document, blueprint.rows.table
    name = deciding_set(next(iter(judged.values())).sets)
    subjects = {}
    for one in (TRAIN, name):
        places = _places(main.split.sizes.get(one, 0), one, seed=document.seed)
        row_ids = np.asarray(main.split.rows(one))[places]
        subjects[one] = make_subject(
            document,
            encodings,
            fitted,
            frame=table.rows(row_ids),
            encoded=main.sample(one, places).inputs,
            name=one,
            decisions=decisions,
            row_ids=row_ids,
        )
    is_given = blueprint.rows.sets is not None
    splitter = document.preprocessing.split
    return Training(
        train=subjects[TRAIN],
        test=subjects[name],
        judged=judged,
        family=document.model_type.type,
        families={n: d.model_type.type for n, d in blueprint.documents.items() if n != MODEL},
        split=main.split.report,
        splitter="" if is_given else splitter.type,
        split_columns=() if is_given else splitter.columns(),
        dates=_dates(document, subjects[TRAIN]),
        seen=lambda column: _share_seen(table, main, name, column),
        trials=lambda: _trials(main, fitted),
    )


def _trials(main: Prepared, fitted: FittedModel) -> Mapping[str, Any]:
    document = main.document
    places = _places(main.split.sizes[TRAIN], "trials", seed=document.seed)
    with tempfile.TemporaryDirectory() as folder:
        return document.model_type.trials(
            main.problem,
            main.sample(TRAIN, places),
            fitted=fitted,
            trainer=document.trainer,
            context=FitContext(
                seed=document.seed,
                events=Events(),
                folder=Path(folder),
                backend=document.backend,
                n_threads=document.backend.threads or available_cores(),
            ),
        )


def _places(n_rows: int, name: str, *, seed: int) -> npt.NDArray[np.int64]:
    """Return positions of at most 5,000 rows, drawn evenly and in order; the same each time."""
    if n_rows <= N_ROWS:
        return np.arange(n_rows, dtype=np.int64)
    random = generator(seed, "checks", name)
    return np.sort(random.choice(n_rows, N_ROWS, replace=False))


def _dates(document: Document, train: Subject) -> tuple[str, ...]:
    """Return the columns of dates: by type of column or of feature."""
    declared = {feature.column for feature in document.inputs if feature.type == "date"}
    return tuple(
        name
        for name, dtype in train.frame.schema.items()
        if name in declared or isinstance(dtype, pl.Date | pl.Datetime)
    )


def _share_seen(table: Table, main: Prepared, name: str, column: str) -> float:
    """Return the share of a set's rows whose value of a column stands in training too."""
    cells = table.column(column)
    known = cells[main.split.rows(TRAIN)].drop_nulls().unique()
    asked = cells[main.split.rows(name)].drop_nulls()
    return float(asked.is_in(known.implode()).mean() or 0.0) if len(asked) else 0.0  # type: ignore[arg-type]
