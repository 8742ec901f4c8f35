"""Which columns `input_features: all` takes, and which it leaves out and why."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

from ordain.config.codes import fault
from ordain.config.config import Config
from ordain.config.document import InputFeature, OutputFeature
from ordain.core.diagnostics import Diagnostic
from ordain.data.profile import ColumnProfile
from ordain.features.inference import Inference, infer_type

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ECHO_WORDS = {
    "pred",
    "prediction",
    "predictions",
    "predicted",
    "prob",
    "proba",
    "probability",
    "score",
    "label",
    "labels",
    "encoded",
    "enc",
    "code",
    "flag",
    "target",
    "actual",
    "true",
    "y",
    "hat",
    "is",
    "class",
    "binary",
    "num",
    "int",
    "str",
    "value",
}


def expand_inputs(
    config: Config, profiles: Mapping[str, ColumnProfile], reasons: dict[str, str]
) -> tuple[list[InputFeature], list[Diagnostic]]:
    """Return the declared inputs, or with `all` every column that may be one.

    Columns of outputs and of the split, identifiers, echoes of a target, and columns without a
    value are left out; each is told in a warning and in the reason of `input_features`.
    """
    document = config.document
    if not isinstance(document.input_features, str):
        return list(document.input_features), []
    mark = config.tree.mark_of(("input_features",))
    chosen: list[InputFeature] = []
    warnings: list[Diagnostic] = []
    left_out: list[str] = []
    targets = {output.column for output in document.output_features}
    by_split = set(document.preprocessing.split.columns())
    for name, profile in profiles.items():
        if name in targets:
            continue
        inference = infer_type(profile, as_output=False)
        code, why = exclusion(profile, inference, document.output_features, by_split)
        if not why:
            chosen.append(InputFeature.model_construct(name=name, column=name))
            continue
        left_out.append(f"{name} ({why})")
        if code:
            message = f"column '{name}' was left out: {why}"
            fix = f"name the inputs one by one to use it, `{name}` among them"
            warnings.append(fault(code, message, ("input_features",), mark, fix=fix))
    reasons["input_features"] = f"{len(chosen)} of {len(profiles)} columns" + (
        f"; left out: {', '.join(left_out)}" if left_out else ""
    )
    return chosen, warnings


def exclusion(
    profile: ColumnProfile,
    inference: Inference,
    outputs: Iterable[OutputFeature],
    by_split: Container[str] = (),
) -> tuple[str, str]:
    """Return the warning's code and why a column is no input; empty texts if it may be one."""
    if profile.name in by_split:
        return "", "it decides the split"
    for output in outputs:
        if is_echo(profile.name, output.column):
            return "W503", f"its name says that it repeats the target '{output.column}'"
    if not inference.exclude:
        return "", ""
    if profile.n_missing >= profile.n_rows:
        return "W504", inference.exclude
    return ("W501" if profile.n_distinct == 1 else "W502"), inference.exclude


def is_echo(name: str, target: str) -> bool:
    """Return whether a column's name is the target's with words such as `predicted` around it."""
    words, target_words = _words(name), _words(target)
    rest = [word for word in words if word not in target_words]
    return (
        name != target
        and bool(target_words)
        and set(target_words) <= set(words)
        and len(words) > len(target_words)
        and set(rest) <= _ECHO_WORDS
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
