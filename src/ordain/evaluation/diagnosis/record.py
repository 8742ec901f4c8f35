"""What a diagnosis holds: what was measured and found of each output, and patches with diffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from ordain.evaluation.diagnosis.gaps import ErrorSplit
from ordain.evaluation.diagnosis.growth import Growth
from ordain.evaluation.diagnosis.noise import LabelNoise, Twins
from ordain.evaluation.diagnosis.patch import Finding, Patch
from ordain.evaluation.diagnosis.robustness import Robustness
from ordain.evaluation.diagnosis.staleness import Staleness
from ordain.evaluation.diagnosis.upkeep import Upkeep
from ordain.evaluation.judgement import Record

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("output", "finding", "text"), pl.String),
    "is_problem": pl.Boolean,
    **dict.fromkeys(("patch", "expected"), pl.String),
    **dict.fromkeys(("gain", "low", "high"), pl.Float64),
}
"""Of the frame of a diagnosis."""


class OutputDiagnosis(Record):
    """What holds one output back."""

    output: str
    metric: str
    """The one that decides."""
    split: ErrorSplit
    noise: LabelNoise | None = None
    twins: Twins | None = None
    robustness: Robustness | None = None
    upkeep: tuple[Upkeep, ...] = ()
    growth: Growth | None = None
    staleness: Staleness | None = None
    findings: tuple[Finding, ...] = ()


class Diagnosis(Record):
    """What holds a run's model back."""

    run: str
    outputs: dict[str, OutputDiagnosis]
    patches: dict[str, str] = Field(default_factory=dict)
    """File of each patch, by name."""
    diffs: dict[str, str] = Field(default_factory=dict)
    """Unified diff of the run's config with each patch, by name."""
    seconds: float = 0.0
    left_out: tuple[str, ...] = ()
    """What the budget, or a person, left out."""
    notes: tuple[str, ...] = ()
    is_first_look: bool = False
    """Whether it rests on what training knew already, so that nothing was measured anew."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all outputs."""
        return tuple(finding for one in self.outputs.values() for finding in one.findings)

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each finding and patch: what was found, what to try, what it brought."""
        rows: list[dict[str, Any]] = []
        for finding in self.findings:
            told = {"output": finding.output, "finding": finding.name, "text": finding.text,
                    "is_problem": finding.is_problem}  # fmt: skip
            patches: tuple[Patch | None, ...] = finding.patches or (None,)
            for patch in patches:
                effect = patch.effect if patch else None
                rows.append(
                    {
                        **told,
                        "patch": patch.name if patch else None,
                        "expected": patch.expected if patch else None,
                        "gain": effect.gain if effect else None,
                        "low": effect.low if effect else None,
                        "high": effect.high if effect else None,
                    }
                )
        return pl.DataFrame(rows, schema=COLUMNS)

    @property
    def figures(self) -> dict[str, Figure]:
        """Plotly figures by what they show, such as `learning curve of churn`.

        Raises:
            ModuleNotFoundError: plotly is not installed.
        """
        from plotly.graph_objects import Figure

        from ordain.evaluation.diagnosis.figures import figures_of

        return {
            title: Figure(drawn)
            for name, one in self.outputs.items()
            for title, drawn in figures_of(
                name,
                split=one.split,
                growth=one.growth,
                robustness=one.robustness,
                staleness=one.staleness,
            )
        }

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())
