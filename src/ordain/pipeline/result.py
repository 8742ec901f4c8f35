"""What a training answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ordain.core.files import read_json
from ordain.evaluation.findings import Findings
from ordain.evaluation.gates import GateResult
from ordain.evaluation.shown import Shown
from ordain.evaluation.summary import RunSummary
from ordain.pipeline.clock import bottleneck, time_shares
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.run_summary import read_summary
from ordain.store.runs import Run


def gates_of(run: Run) -> tuple[GateResult, ...]:
    """Return the gates of a finished run, as it judged them."""
    path = run.folder / "findings.json"
    found = read_json(path)["gates"] if path.exists() else ()
    return tuple(GateResult.model_validate(gate) for gate in found)


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """A finished training: its numbers, and its model, which it answers for.

    Attributes:
        run: the run folder.
        metrics: by set, output and metric; None where a metric has no value.
        baselines: the same by name.
        seconds: wall time by stage.
        rows_per_second: training rows times epochs or rounds over the time of fitting; None
            where the fit was reused.
        is_reused: whether an earlier run was the answer already.
        verdict: the comparison with the baselines in one sentence.
        account: what the run came to: `seconds`, earlier stretches of a resumed run included;
            `cost` where a price is declared; `energy_joules` where the machine measures it.
        gates: the declared conditions, met or not.
    """

    run: Run
    metrics: Mapping[str, Any]
    baselines: Mapping[str, Any]
    seconds: Mapping[str, float]
    rows_per_second: float | None
    warnings: tuple[str, ...] = ()
    is_reused: bool = False
    verdict: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Whether every gate is met."""
        return all(gate.passed for gate in self.gates)

    @property
    def findings(self) -> Findings:
        """What was found beside the metrics: slices, importance, errors, checks, gates."""
        return Findings.model_validate(read_json(self.run.folder / "findings.json"))

    @property
    def cross_validation(self) -> Mapping[str, Any]:
        """Mean, sd, interval and folds of each metric, by output; empty without `k_fold`."""
        found: Mapping[str, Any] = self.run.metrics.get("cross_validation", {})
        return found

    @property
    def time_shares(self) -> dict[str, float]:
        """Share of each stage of the wall time, 0 to 1."""
        return time_shares(self.seconds)

    @property
    def bottleneck(self) -> str:
        """One sentence on the stage that took longest."""
        return bottleneck(self.seconds, self.facts.get("time_shares"))

    @property
    def bundle(self) -> Path:
        """Folder of the bundle."""
        return self.run.bundle

    @cached_property
    def summary(self) -> RunSummary:
        """All that the report says, as typed data.

        Raises:
            StoreError: the run did not get so far.
        """
        return read_summary(self.run)

    def _told(self) -> RunSummary:
        return self.summary

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.run.folder / "report.html"

    @cached_property
    def _model(self) -> Model:
        return load(self.bundle)

    def model(self) -> Model:
        """Return the trained model, loaded from its bundle once."""
        return self._model

    def predict(self, frame: Any) -> Any:
        """Return the model's predictions for a frame; see `Model.predict`."""
        return self._model.predict(frame)

    def predict_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's predictions for one row; see `Model.predict_row`."""
        return self._model.predict_row(row)

    def evaluate(self, frame: Any) -> dict[str, dict[str, float | None]]:
        """Return the model's metrics on rows with targets; see `Model.evaluate`."""
        return self._model.evaluate(frame)

    def save(self, path: Path | str) -> Path:
        """Copy the bundle to a new folder; see `Model.save`."""
        return self._model.save(path)

    def __repr__(self) -> str:
        return f"Result({self.run.reference}: {self.verdict})"

    def _judged(self) -> dict[str, Any]:
        """Return limits, slices by output, and intervals by set and output, as plain data."""
        if not (self.run.folder / "findings.json").exists():
            return {}
        found = self.findings
        return {
            "limits": [limit.to_json() for limit in found.limits],
            "slices": {
                name: [one.to_json() for one in slices] for name, slices in found.slices.items()
            },
            "intervals": {
                set_name: {
                    name: {m: one.to_json() for m, one in output.sets[set_name].intervals.items()}
                    for name, output in self.summary.outputs.items()
                    if set_name in output.sets
                }
                for set_name in self.metrics
            },
        }

    def to_json(self) -> dict[str, Any]:
        """Return what `train --json` prints on its last line."""
        return {
            "run": self.run.reference,
            "bundle": str(self.bundle),
            "config": str(self.run.folder / "config.yaml"),
            "report": str(self.report),
            "metrics": self.metrics,
            "baselines": self.baselines,
            **{
                key: value
                for key, value in self.run.metrics.items()
                if key.startswith("cross_validation") and value
            },
            "seconds": self.seconds,
            "time_shares": self.time_shares,
            "bottleneck": self.bottleneck,
            "account": dict(self.account),
            "rows_per_second": self.rows_per_second,
            "warnings": list(self.warnings),
            "verdict": self.verdict,
            "gates": [gate.to_json() for gate in self.gates],
            **self._judged(),
            "reused": self.is_reused,
        }
