"""`unseen_labels`: classes that the model can never answer.

evaluation:
  checks: [unseen_labels]
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ordain.evaluation.checks.advice import split_by
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.scores import UNSEEN

N_SHOWN = 3


@CHECKS.register
class UnseenLabels(Check):
    """Did training see every class that is judged?

    Rows of a class that training has not seen are left out of the metrics, so that these look
    better than the model does in use.
    """

    type: Literal["unseen_labels"] = "unseen_labels"

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        return [self._judge(training, name, one) for name, one in training.judged.items()]

    def _judge(self, training: Training, name: str, output: OutputSummary) -> CheckResult:
        if output.type == "number":
            return self.idle("a number has no classes", output=name)
        where = deciding_set(output.sets)
        judged = output.sets[where]
        n_rows = judged.n_rows + judged.n_unseen
        if not judged.n_unseen:
            return self.passed(f"no row of {n_rows:,} has a class that is new", output=name)
        target = training.test.targets.get(name)
        column = name if target is None else target.column
        return self.warned(
            f"{judged.n_unseen:,} rows of {n_rows:,} ({judged.n_unseen / n_rows:.2%}) of `{where}` "
            f"have a class that training did not see{_examples(training, name)}; they are left "
            "out of the metrics",
            fix=split_by("stratify", column),
            output=name,
        )


def _examples(training: Training, name: str) -> str:
    target = training.test.targets.get(name)
    if target is None or target.column not in training.test.frame.columns:
        return ""
    rows = np.flatnonzero(target.truth == UNSEEN)
    found = training.test.frame[target.column].gather(rows).unique(maintain_order=True)
    shown = [f"'{value}'" for value in found.head(N_SHOWN).to_list()]
    return f" ({', '.join(shown)}{', ...' if len(found) > N_SHOWN else ''})" if shown else ""
