"""The fixes that checks offer, as YAML that can be pasted into a config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ordain.evaluation.subject import Subject

if TYPE_CHECKING:
    from ordain.evaluation.checks.check import Training


def without_input(subject: Subject, name: str) -> str:
    """Return the inputs without one."""
    rest = {column.name: column.type for column in subject.columns if column.name != name}
    return f"input_features: {flow(rest)}"


def does_not_vary(training: Training, name: str) -> str:
    """Return that the rows of training hold one answer only; empty where they hold more."""
    target = training.train.targets.get(name)
    if target is None:
        return ""
    truth = target.truth[target.is_judged]
    if not len(truth) or not bool((truth == truth[0]).all()):
        return ""
    only = target.labels[int(truth[0])] if target.labels else f"{float(truth[0]):g}"
    return (
        f"the target does not vary in training: `{name}` is '{only}' in all {len(truth):,} rows "
        "looked at, so there is nothing to learn"
    )


def split_by(kind: str, column: str) -> str:
    """Return a split of another kind."""
    return f"preprocessing: {{split: {{type: {kind}, column: {word(column)}}}}}"


def flow(items: Mapping[str, str]) -> str:
    """Return a mapping in one line."""
    return "{" + ", ".join(f"{word(key)}: {word(value)}" for key, value in items.items()) + "}"


def word(text: str) -> str:
    """Return a name as YAML reads it back, quoted where it must be."""
    is_plain = text.isidentifier() and text.isascii() and text.lower() not in _READ_AS_OTHER
    return text if is_plain else json.dumps(text, ensure_ascii=False)


_READ_AS_OTHER = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"})


def single(text: str) -> str:
    """Return a text in single quotes, as YAML reads it back."""
    return "'" + text.replace("'", "''") + "'"
