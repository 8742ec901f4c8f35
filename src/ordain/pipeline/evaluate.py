"""Judge a bundle on other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ordain.evaluation.judgement import require_rows
from ordain.pipeline.cautions import reading_warnings
from ordain.store.judge import judge_frame
from ordain.store.model import Model, load


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
    table = read_table(open_source(data))
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
        warnings=(*reading_warnings(table.report), *model.unusual(rows), *notes),
    )
