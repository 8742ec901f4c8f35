"""The ML Test Score: 28 questions of whether a learned system is fit for production.

Source: Breck, Cai, Nielsen, Salib, Sculley 2017, "The ML Test Score: A Rubric for ML Production
Readiness and Technical Debt Reduction". The questions are in our words; each group has seven. A
question earns half a point where a person has answered it and written down how, one point where it
is answered by running something. A group's score is the sum; the score is the least of the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["data", "model", "infrastructure", "monitoring"]
GROUPS: tuple[Group, ...] = ("data", "model", "infrastructure", "monitoring")
BY_HAND, AUTOMATED = 0.5, 1.0


@dataclass(frozen=True)
class Question:
    """One test of the rubric.

    Attributes:
        name: what commands call it.
        asks: the question.
        earned_by: the command or key that would earn it.
        is_awaited: part of Ordain that does not exist yet and would answer it; empty where it can
            be answered now.
    """

    name: str
    group: Group
    asks: str
    earned_by: str
    is_awaited: str = ""


HAND = 'ordain score RUN --by-hand {name}="how it was made sure"'

RUBRIC: tuple[Question, ...] = (
    Question("data_schema", "data", "Is what the columns must look like written down?",
             "list every column with its type under `input_features`"),
    Question("useful_features", "data", "Does every input make the model better?",
             "evaluation: {importance: true}, then leave out inputs that add nothing"),
    Question("feature_cost", "data", "Is no input dearer than what it brings?",
             "ordain diagnose RUN"),
    Question("feature_rules", "data", "Do the inputs keep to what policy and law allow?", HAND),
    Question("privacy", "data", "Is personal data guarded on its way through the pipeline?", HAND),
    Question("new_features", "data", "Can an input be added in little time?", HAND),
    Question("feature_code", "data", "Is the code that makes inputs tested?",
             "evaluation: {scenarios: rows_with_answers.csv}"),
    Question("versioned_config", "model", "Is every config reviewed and under version control?",
             "commit the config, then ordain train"),
    Question("offline_online", "model", "Do the metrics here move with what counts in use?",
             HAND, is_awaited="serving and monitoring"),
    Question("tuned", "model", "Have all settings that matter been tuned?",
             HAND, is_awaited="tuning"),
    Question("staleness", "model", "Is it known how fast the model grows old?",
             "ordain diagnose RUN"),
    Question("simpler_model", "model", "Is the model better than simpler ones?",
             "evaluation: {baselines: true}"),
    Question("slices", "model", "Is it good enough on all important parts of the data?",
             "evaluation: {slices: [column, auto]}"),
    Question("inclusion", "model", "Does it treat groups of people alike?",
             "evaluation: {protected: [column]}"),
    Question("reproducible", "infrastructure", "Does training twice give the same model?",
             "ordain reproduce RUN"),
    Question("model_checked", "infrastructure", "Is the model itself tested: does it learn at all?",
             "evaluation: {checks: true}"),
    Question("pipeline_tested", "infrastructure", "Is the whole pipeline run by a test?",
             "run `ordain train` in the repository's CI; see docs/judge.md"),
    Question("quality_gate", "infrastructure", "Is quality judged before a model may serve?",
             "evaluation: {gates: [{metric: NAME, at_least: VALUE}]}"),
    Question("step_by_step", "infrastructure", "Can one row be followed through every step?",
             "ordain trace RUN --row 0"),
    Question("canary", "infrastructure", "Does a new model first serve a small part of the load?",
             HAND, is_awaited="serving"),
    Question("rollback", "infrastructure", "Can an earlier model be put back quickly?",
             HAND, is_awaited="the registry"),
    Question("upstream_changes", "monitoring", "Is a change of what the model depends on told?",
             HAND, is_awaited="monitoring"),
    Question("input_invariants", "monitoring", "Do inputs in use keep to what training saw?",
             HAND, is_awaited="monitoring"),
    Question("training_skew", "monitoring", "Are inputs computed in use as in training?",
             HAND, is_awaited="serving and monitoring"),
    Question("model_age", "monitoring", "Is a model that has grown too old told?",
             HAND, is_awaited="monitoring"),
    Question("numerically_stable", "monitoring", "Are losses, weights and scores finite numbers?",
             "ordain train with `evaluation.metrics` left at its default"),
    Question("resources", "monitoring", "Is a loss of speed or a growth of memory told?",
             HAND, is_awaited="monitoring"),
    Question("served_quality", "monitoring", "Is quality on served rows measured?",
             HAND, is_awaited="serving and monitoring"),
)  # fmt: skip

MEANINGS: tuple[tuple[float, str], ...] = (
    (5.0, "exceptional: the system tests itself throughout"),
    (3.0, "strong: testing and watching are largely automated"),
    (2.0, "reasonable, with more to automate"),
    (1.0, "first steps have been taken; serious gaps remain"),
    (0.0, "not without tests, but important ones are missing"),
)
"""Score above which each holds."""
NOTHING = "closer to an experiment than to a system for production"


def meaning_of(score: float) -> str:
    """Return what a score says of a system."""
    return next((words for above, words in MEANINGS if score > above), NOTHING)
