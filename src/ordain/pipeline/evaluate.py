"""Judge a bundle on other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ordain.core.files import read_json
from ordain.data.source import Source
from ordain.evaluation.judgement import require_rows
from ordain.pipeline.cautions import reading_warnings
from ordain.pipeline.inputs import as_rows, expressions_of
from ordain.pipeline.requests import read_request
from ordain.store.judge import judge_frame
from ordain.store.model import Model, load

FAMILIAR = (
    "these are the rows this model was made with, and most of them taught it: this says nothing of "
    "other rows; its metrics on rows it has not learned from are those of the run"
)


@dataclass(frozen=True)
class Judged:
    """Metrics by output, the full judgements, and how many rows they rest on."""

    metrics: Mapping[str, Any]
    judgements: Mapping[str, Any]
    rows: int
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `evaluate --json` prints."""
        return {"metrics": self.metrics, "rows": self.rows, "warnings": list(self.warnings)}


def evaluate(bundle: str | Model, data: Any) -> Judged:
    """Judge a trained model on rows that hold the targets.

    Args:
        bundle: a bundle folder, a run, or a model.
        data: a reference or a data frame.

    Raises:
        DataError: a target or an input column is missing, or no row has a target to judge by.
    """
    from ordain.data import open_source, read_table

    model = bundle if isinstance(bundle, Model) else load(bundle)
    source = open_source(as_rows(data))
    table = read_table(source)
    model.require(table.schema.names(), with_targets=True)
    columns = [*model.input_columns, *(f.column for f in model.document.output_features)]
    present = [
        name for name in table.schema.names() if name in set(columns) or model.document.data.where
    ]
    rows = table.select(present)
    judged = judge_frame(model, rows)
    judgements = {name: output.sets["given"] for name, output in judged.items()}
    require_rows(judgements)
    notes = [note for judgement in judgements.values() for note in judgement.warnings]
    return Judged(
        metrics={name: dict(judgement.metrics) for name, judgement in judgements.items()},
        judgements=judgements,
        rows=rows.height,
        warnings=(
            *_familiar(model, source),
            *reading_warnings(table.report),
            *model.unusual(rows),
            *notes,
        ),
    )


def _familiar(model: Model, source: Source) -> list[str]:
    """Return a warning where the rows are those that the model was made with."""
    if model.path is None:
        return []
    document = model.document
    request = read_request(source.fingerprint(), expressions_of(document), seed=document.seed)
    if request.key != read_json(model.path / "lock.json")["data"]["fingerprint"]:
        return []
    return [FAMILIAR]
