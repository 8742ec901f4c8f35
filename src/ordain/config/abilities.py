"""What a document asks of its model family, against what that can do (`E315`-`E318`, `E327`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ordain.config.codes import fault
from ordain.config.document import AUTO, InputFeature, OutputFeature, TypeDefaults
from ordain.config.located import Node, Path
from ordain.core.component import Component, Spec
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Family

_ORDERED = frozenset({"number", "binary"})
_SHOWN = 20
_FREE = frozenset({"type", "weight"})
_RENEWED = frozenset({"mean_absolute_error", "mean_absolute_percentage_error", "quantile"})
"""Losses whose leaves LightGBM answers anew by a median, which keeps no order."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a family.

    Attributes:
        inputs, outputs: whose types are known.
        defaults: of types, where they are not laid under the outputs yet.
    """

    tree: Node
    family: Family
    trainer: Spec
    inputs: Sequence[InputFeature]
    outputs: Sequence[OutputFeature]
    defaults: Mapping[str, TypeDefaults]


def check_abilities(asked: Asked) -> Iterator[Diagnostic]:
    """Yield a fault for everything that the family cannot do."""
    for output in asked.outputs:
        if output.type in asked.family.outputs:
            yield from _loss_is_minimised(asked, output)
            yield from _unit_fits(asked, output)
        elif FEATURES.get(output.type).is_output:
            yield _not_predicted(asked, output)
    yield from _monotone_is_kept(asked)


def check_constraints(tree: Node, trainer: Spec, names: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield a fault for every name in `interaction_constraints` that is no input.

    Args:
        tree: of the document.
        trainer: of the family.
        names: of all inputs.
    """
    groups = getattr(trainer, "interaction_constraints", None) or ()
    for at, group in enumerate(groups):
        for position, name in enumerate(group):
            if name not in names:
                path = ("trainer", "interaction_constraints", at, position)
                close = nearest(name, names)
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                yield fault(
                    "E327",
                    f"`interaction_constraints` names '{name}', which is no input",
                    path,
                    tree.mark_of(path),
                    allowed=f"Inputs: {shown}.",
                    fix=close,
                )


def _not_predicted(asked: Asked, output: OutputFeature) -> Diagnostic:
    place = _place(asked.tree, "output_features", output.name)
    path = (*place, "type")
    if asked.tree.at(path) is None:
        path = (*place, "name")
    able = [n for n in FAMILIES.names() if output.type in FAMILIES.get(n).outputs]
    return fault(
        "E315",
        f"the family '{asked.family.type}' predicts no `{output.type}`, and `{output.name}` is one",
        path,
        asked.tree.mark_of(path),
        allowed=f"It predicts: {', '.join(sorted(asked.family.outputs))}. "
        f"A `{output.type}` is predicted by: {', '.join(able)}.",
        fix="model_type: gbm" if "gbm" in able else None,
    )


def _loss_is_minimised(asked: Asked, output: OutputFeature) -> Iterator[Diagnostic]:
    loss, place = _loss(asked, output)
    if loss is None:
        return
    known = asked.family.losses(output.type)
    if loss.type not in known:
        may = f"For a `{output.type}` it may be: {', '.join(sorted(known))}."
        yield fault(
            "E316",
            f"the family '{asked.family.type}' does not minimise the loss '{loss.type}' "
            f"of `{output.name}`",
            place,
            asked.tree.mark_of((*place, "type")) or asked.tree.mark_of(place),
            allowed=may if known else "It has no choice of losses.",
            fix=None if known else "remove `loss`",
        )
        return
    followed = known[loss.type]
    if followed is None:
        return
    for key in sorted(loss.model_fields_set - followed - _FREE):
        if getattr(loss, key) != type(loss).model_fields[key].default:
            path = (*place, key)
            yield fault(
                "E316",
                f"`{key}` of the loss '{loss.type}' has no meaning for the family "
                f"'{asked.family.type}'",
                path,
                asked.tree.mark_of_key(path),
                allowed=f"Keys it follows: {', '.join(sorted(followed)) or 'none'}.",
                fix=f"remove `{key}`, or write `model_type: neural`",
            )


def _unit_fits(asked: Asked, output: OutputFeature) -> Iterator[Diagnostic]:
    loss, _ = _loss(asked, output)
    wanted = asked.family.target_options(output.type, loss, asked.trainer)
    options: Any = output.preprocessing
    place = (*_place(asked.tree, "output_features", output.name), "preprocessing")
    defaults = asked.defaults.get(output.type)
    for key, (value, reason) in wanted.items():
        if key not in options.model_fields_set and defaults and defaults.preprocessing:
            options, place = defaults.preprocessing, ("defaults", output.type, "preprocessing")
        written = getattr(options, key)
        if key in options.model_fields_set and written not in {AUTO, value}:
            path = (*place, key)
            yield fault(
                "E318",
                f"`{key}` of `{output.name}` may not be '{written}' here",
                path,
                asked.tree.mark_of(path),
                allowed=f"{reason[0].upper()}{reason[1:]}.",
                fix=f"{key}: {'null' if value is None else value}",
            )


def _monotone_is_kept(asked: Asked) -> Iterator[Diagnostic]:
    for column in asked.inputs:
        if column.monotone is None:
            continue
        why = _why_not_monotone(asked, column)
        if why is not None:
            path = (*_place(asked.tree, "input_features", column.name), "monotone")
            yield fault(
                "E317",
                f"`monotone` of `{column.name}` cannot be kept",
                path,
                asked.tree.mark_of_key(path),
                allowed=why,
                fix="remove `monotone`",
            )


def _why_not_monotone(asked: Asked, column: InputFeature) -> str | None:
    if not asked.family.has_monotone:
        able = [name for name in FAMILIES.names() if FAMILIES.get(name).has_monotone]
        return (
            f"The family '{asked.family.type}' has no such bound; it is kept by: {', '.join(able)}."
        )
    if column.type not in _ORDERED:
        return f"A `{column.type}` has no order; it may stand on: {', '.join(sorted(_ORDERED))}."
    for output in asked.outputs:
        loss, _ = _loss(asked, output)
        if output.type not in _ORDERED:
            return f"`{output.name}` is a `{output.type}`, whose answers do not grow or shrink."
        if loss is not None and loss.type in _RENEWED:
            return f"The loss '{loss.type}' of `{output.name}` does not go with it."
    return None


def _loss(asked: Asked, output: OutputFeature) -> tuple[Component | None, Path]:
    """Return the loss of an output, and where it stands."""
    place: Path = (*_place(asked.tree, "output_features", output.name), "loss")
    written = asked.tree.at(place)
    if written is not None or output.type not in asked.defaults:
        return output.loss, place
    return asked.defaults[output.type].loss, ("defaults", output.type, "loss")


def _place(tree: Node, section: str, name: str) -> Path:
    node = tree.get(section)
    for index, item in enumerate(node.items if node else []):
        known = item.get("name")
        if known is not None and known.value == name:
            return (section, index)
    return (section,)
