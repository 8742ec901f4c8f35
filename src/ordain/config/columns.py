"""Which columns `input_features: all` takes, and which it leaves out and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import polars as pl

from ordain.config.codes import fault
from ordain.config.config import Config
from ordain.config.document import InputFeature, OutputFeature
from ordain.core.diagnostics import Diagnostic
from ordain.data.profile import ColumnProfile

MIN_ROWS_FOR_IDENTIFIER = 20
_MOST = 0.5
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_IDENTIFIER_WORDS = {
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "index",
    "idx",
    "rowid",
    "rownames",
    "unnamed",
    "no",
    "nr",
    "number",
}
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
    chosen, warnings, left_out = [], [], []
    targets = {output.column for output in document.output_features}
    by_split = set(document.preprocessing.split.columns())
    for name, profile in profiles.items():
        if name in targets:
            continue
        code, why = exclusion(profile, document.output_features, by_split)
        if why:
            left_out.append(f"{name} ({why})")
            if code:
                warnings.append(
                    fault(
                        code,
                        f"column '{name}' was left out: {why}",
                        ("input_features",),
                        mark,
                        fix=f"name the inputs one by one to use it, `{name}` among them",
                    )
                )
            continue
        chosen.append(InputFeature.model_construct(name=name, column=name))
    reasons["input_features"] = f"{len(chosen)} of {len(profiles)} columns" + (
        f"; left out: {', '.join(left_out)}" if left_out else ""
    )
    return chosen, warnings


def exclusion(
    profile: ColumnProfile, outputs: Iterable[OutputFeature], by_split: set[str]
) -> tuple[str, str]:
    """Return the warning's code and why a column is no input; empty texts if it may be one."""
    if profile.name in by_split:
        return "", "it decides the split"
    if profile.n_missing >= profile.n_rows:
        return "W504", "it has no value in any row"
    for output in outputs:
        if is_echo(profile.name, output.column):
            return "W503", f"its name says that it repeats the target '{output.column}'"
    why = identifier_reason(profile)
    return ("W502", why) if why else ("", "")


def is_echo(name: str, target: str) -> bool:
    """Return whether a column's name is the target's with words such as `predicted` around it."""
    words, target_words = _words(name), _words(target)
    rest = [word for word in words if word not in target_words]
    return (
        name != target
        and set(target_words) <= set(words)
        and len(words) > len(target_words)
        and set(rest) <= _ECHO_WORDS
    )


def identifier_reason(profile: ColumnProfile) -> str:
    """Return why a column looks like an identifier; empty if it does not."""
    n_present = profile.n_rows - profile.n_missing
    is_unique = profile.n_distinct >= n_present
    if n_present < MIN_ROWS_FOR_IDENTIFIER or not (
        is_unique or profile.n_distinct >= 0.99 * n_present
    ):
        return ""
    words = _words(profile.name)
    is_named = bool(words) and (
        words[-1] in _IDENTIFIER_WORDS or words[0] in {"id", "unnamed", "index"}
    )
    if profile.dtype.is_integer():
        values = profile.sample
        bounds = [int(value) for value in (values.min(), values.max()) if isinstance(value, int)]
        is_count = bool(values.is_sorted()) and bounds[1] - bounds[0] <= n_present
        if is_count or is_named:
            return "a whole number that is different in every row"
    elif profile.dtype == pl.String:
        has_spaces = _share(profile.sample.str.contains(r"\s")) > _MOST
        if not has_spaces and (is_named or not _is_numeric(profile.sample)):
            return "a text without spaces that is different in every row"
    return ""


def _is_numeric(values: pl.Series) -> bool:
    """Return whether texts are mostly numbers or dates."""
    numbers = values.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
    dates = values.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
    return max(_share(numbers), _share(dates)) > _MOST


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / max(1, len(flags))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
