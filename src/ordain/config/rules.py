"""Rules between keys: what no single block can see. Each rule reads a draft and yields faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ordain.config.abilities import Asked, check_abilities, check_constraints
from ordain.config.access_rules import locks_are_set
from ordain.config.checks import check_checks
from ordain.config.codes import fault
from ordain.config.document import AUTO, Evaluation, OutputFeature
from ordain.config.draft import Draft
from ordain.config.judging import check_judging
from ordain.config.located import Mark, Node, Path
from ordain.config.metrics import check_metric_name, check_metrics
from ordain.config.split_rules import balancing_is_one_way, repeats_need_folds, shares_add_up
from ordain.core.diagnostics import Diagnostic
from ordain.data.locations import redact
from ordain.features.feature import FEATURES

Rule = Callable[[Draft], Iterator[Diagnostic]]


def check_rules(draft: Draft) -> None:
    """Add the faults of every rule to a draft."""
    for rule in _RULES:
        found = list(rule(draft))
        draft.faults += found


def _paths(draft: Draft, section: str) -> Iterator[tuple[Path, str, str]]:
    """Yield path, name and column of every feature that has a name."""
    node = draft.root.get(section)
    for index, item in enumerate(node.items if node else []):
        name = item.get("name")
        if name is not None and isinstance(name.value, str):
            column = item.get("column")
            is_text = column is not None and isinstance(column.value, str) and column.value
            yield (section, index), name.value, column.value if is_text else name.value  # type: ignore[union-attr,misc]


def _names_are_unique(draft: Draft) -> Iterator[Diagnostic]:
    for section in ("input_features", "output_features"):
        first: dict[str, Path] = {}
        for path, name, _ in _paths(draft, section):
            mark = draft.root.mark_of((*path, "name"))
            if name in first:
                there = draft.root.mark_of((*first[name], "name"))
                notes = (f"The first stands on line {there.line}.",) if there else ()
                yield fault(
                    "E301",
                    f"two features of `{section}` are named '{name}'",
                    (*path, "name"),
                    mark,
                    notes=notes,
                    fix="remove one, or give it another `name` and keep its `column`",
                )
            first.setdefault(name, path)


def _outputs_are_not_inputs(draft: Draft) -> Iterator[Diagnostic]:
    outputs = {
        key for _, name, column in _paths(draft, "output_features") for key in (name, column)
    }
    for path, name, column in _paths(draft, "input_features"):
        same = next((key for key in (name, column) if key in outputs), None)
        if same is not None:
            yield fault(
                "E302",
                f"'{same}' is both an input and an output",
                (*path, "name"),
                draft.root.mark_of((*path, "name")),
                allowed="A model may not learn from what it is to predict.",
                fix="remove it from `input_features`",
            )


def _outputs_can_be_predicted(draft: Draft) -> Iterator[Diagnostic]:
    for path, name, _ in _paths(draft, "output_features"):
        node = draft.root.at((*path, "type"))
        type_name = node.plain() if node is not None else AUTO
        if (
            isinstance(type_name, str)
            and FEATURES.has(type_name)
            and not FEATURES.get(type_name).is_output
        ):
            able = [known for known in FEATURES.names() if FEATURES.get(known).is_output]
            yield fault(
                "E304",
                f"`{name}` is of type '{type_name}', which may not be predicted",
                (*path, "type"),
                draft.root.mark_of((*path, "type")),
                allowed=f"An output may be: {', '.join(able)}.",
            )


def _options_need_a_type(draft: Draft) -> Iterator[Diagnostic]:
    for section, keys in (
        ("input_features", ("preprocessing", "encoder")),
        ("output_features", ("preprocessing", "decoder", "loss")),
    ):
        for path, name, _ in _paths(draft, section):
            node = draft.root.at((*path, "type"))
            if node is not None and node.value is not None and node.value != AUTO:
                continue
            for key in keys:
                part = draft.root.at((*path, key))
                if part is not None and part.value not in ({}, None, AUTO):
                    yield fault(
                        "E311",
                        f"`{key}` of `{name}` needs a `type` beside it",
                        (*path, key),
                        draft.root.mark_of_key((*path, key)),
                        allowed=f"Its keys depend on the type: {', '.join(FEATURES.names())}.",
                        fix="type: ...",
                    )


def _family_uses_blocks(draft: Draft) -> Iterator[Diagnostic]:
    family = draft.family
    if family is None or family.has_encoders:
        return
    unused = [("combiner",)] if _is_written(draft, ("combiner",)) else []
    for section, keys in (("input_features", ("encoder",)), ("output_features", ("decoder",))):
        for path, _, _ in _paths(draft, section):
            unused += [(*path, key) for key in keys if _is_written(draft, (*path, key))]  # type: ignore[misc]
    mark = draft.root.mark_of(("model_type",))
    by_override = mark is not None and mark.text.name == "-o"
    for path in unused:
        yield fault(
            "E308",
            f"`{path[-1]}` has no meaning for the family '{family.type}'",
            path,
            draft.root.mark_of_key(path),
            allowed="Encoders, combiners and decoders are parts of neural models.",
            fix="remove it, or write `model_type: neural`",
            notes=(f"`-o {mark.text.lines[0]}` chose the family.",) if mark and by_override else (),
        )


def _is_written(draft: Draft, path: Path) -> bool:
    node = draft.root.at(path)
    return node is not None and node.value is not None and node.value != AUTO


def _family_is_able(draft: Draft) -> Iterator[Diagnostic]:
    family = draft.family
    if family is None:
        return
    outputs = [output for output in draft.outputs or [] if output.type != AUTO]
    asked = Asked(
        draft.root,
        family,
        draft.blocks.get("trainer") or family.Trainer(),
        [column for column in draft.inputs or [] if column.type != AUTO],
        outputs,
        draft.blocks.get("defaults") or {},
    )
    yield from check_abilities(asked)
    inputs = draft.root.get("input_features")
    if inputs is not None and inputs.is_list:
        names = [name for _, name, _ in _paths(draft, "input_features")]
        yield from check_constraints(draft.root, asked.trainer, names)


def _has_fault(draft: Draft, path: Path) -> bool:
    return any(d.path[: len(path)] == path for d in draft.faults)


def _weights_need_classes(draft: Draft) -> Iterator[Diagnostic]:
    for path, name, _ in _paths(draft, "output_features"):
        node = draft.root.at((*path, "type"))
        is_written = _is_written(draft, (*path, "class_weights"))
        if is_written and node is not None and node.value == "number":
            yield fault(
                "E313",
                f"`{name}` is a number and has no classes to weigh",
                (*path, "class_weights"),
                draft.root.mark_of_key((*path, "class_weights")),
                fix="remove `class_weights`",
            )


def _targets_are_truths(draft: Draft) -> Iterator[Diagnostic]:
    """A missing target may be dropped or become a value that can be predicted, nothing else."""
    outputs = {output.name: output for output in draft.outputs or []}
    defaults: Any = draft.blocks.get("defaults") or {}
    for path, name, _ in _paths(draft, "output_features"):
        output = outputs.get(name)
        if output is None or output.type == AUTO:
            continue
        options: Any = output.preprocessing
        place: Path = (*path, "preprocessing")
        if "missing_value_strategy" not in options.model_fields_set and output.type in defaults:
            options = defaults[output.type].preprocessing
            place = ("defaults", output.type, "preprocessing")
        strategy = getattr(options, "missing_value_strategy", None)
        becomes = _no_target(output.type, strategy, getattr(options, "fill_value", None))
        if becomes:
            place = (*place, "missing_value_strategy")
            mark = draft.root.mark_of(place)
            yield _untrue_target(
                strategy, f"the output `{name}`", becomes, place, mark=mark, name=name
            )


def _targets_have_no_input_options(draft: Draft) -> Iterator[Diagnostic]:
    outputs = {output.name: output for output in draft.outputs or []}
    for path, name, _ in _paths(draft, "output_features"):
        output = outputs.get(name)
        if output is None or output.type == AUTO:
            continue
        options: Any = output.preprocessing
        for key in sorted(options.input_options & options.model_fields_set):
            place = (*path, "preprocessing", key)
            if getattr(options, key) is not None and draft.root.at(place) is not None:
                yield fault(
                    "E326",
                    f"`{key}` of `{name}` has no meaning for an output",
                    place,
                    draft.root.mark_of_key(place),
                    allowed=f"It may stand on an input of type '{output.type}'.",
                    fix=f"remove `{key}`",
                )


def check_inferred_targets(
    tree: Node, written: Sequence[OutputFeature], bound: Sequence[OutputFeature]
) -> list[Diagnostic]:
    """Return the faults of outputs whose type was inferred and meets the `defaults` of that type.

    Args:
        tree: of the document.
        written: its outputs as written.
        bound: the same, bound to their data.
    """
    faults: list[Diagnostic] = []
    is_open = {output.name for output in written if output.type == AUTO}
    for output in bound:
        options: Any = output.preprocessing
        strategy = getattr(options, "missing_value_strategy", None)
        becomes = _no_target(output.type, strategy, getattr(options, "fill_value", None))
        if becomes and output.name in is_open:
            place = ("defaults", output.type, "preprocessing", "missing_value_strategy")
            said = f"the output `{output.name}`, which is inferred to be '{output.type}'"
            mark = tree.mark_of(place)
            faults.append(
                _untrue_target(strategy, said, becomes, place, mark=mark, name=output.name)
            )
    return faults


def _untrue_target(
    strategy: str | None, said: str, becomes: str, place: Path, *, mark: Mark | None, name: str
) -> Diagnostic:
    inside = f", in `output_features.{name}.preprocessing`" if place[0] == "defaults" else ""
    return fault(
        "E314",
        f"`missing_value_strategy` may not be '{strategy}' for {said}",
        place,
        mark,
        allowed=f"A missing target would become {becomes}.",
        fix=f"missing_value_strategy: drop_row{inside}",
    )


def _no_target(type_name: str, strategy: str | None, fill_value: object) -> str | None:
    """Return what a missing target becomes that no model can learn; None if it is a target."""
    if strategy == "keep":
        return "no value, and a row without truth teaches nothing"
    if strategy and strategy.startswith(("fill_with_group_", "fill_with_model")):
        return "a guess from the inputs, which a model would learn to repeat"
    if type_name == "binary" and (
        strategy == "fill_with_mean" or (strategy == "fill_with_const" and _is_between(fill_value))
    ):
        return "a number between false and true"
    if type_name == "category" and strategy == "fill_with_const" and fill_value == "<UNK>":
        return "'<UNK>', which is no class; `fill_value` must name one"
    return None


def _is_between(fill_value: object) -> bool:
    is_number = isinstance(fill_value, int | float) and not isinstance(fill_value, bool)
    return fill_value is None or (is_number and 0 < float(fill_value) < 1)  # type: ignore[arg-type]


def _checks_are_known(draft: Draft) -> Iterator[Diagnostic]:
    block: Any = draft.blocks.get("evaluation")
    if isinstance(block, Evaluation):
        yield from check_checks(draft, block.checks)


def _metrics_fit(draft: Draft) -> Iterator[Diagnostic]:
    block: Any = draft.blocks.get("evaluation")
    if not isinstance(block, Evaluation) or _has_fault(draft, ("output_features",)):
        return
    yield from check_metrics(draft, block.metrics or ())
    if block.optimize is not None:
        place = ("evaluation", "optimize")
        yield from check_metric_name(draft, block.optimize, place, block.metrics)


def _judging_fits(draft: Draft) -> Iterator[Diagnostic]:
    block: Any = draft.blocks.get("evaluation")
    if isinstance(block, Evaluation) and not _has_fault(draft, ("output_features",)):
        yield from check_judging(draft, block)


def _secrets_stand_elsewhere(draft: Draft) -> Iterator[Diagnostic]:
    """What opens a door comes from the environment: documents are kept, shown and committed."""
    keys = ("deployment", "auth", "api_keys")
    node = draft.root.at(keys)
    for path, part in node.walk() if node is not None else ():
        if isinstance(part.value, str) and not _is_from_outside(part):
            _hide_line(draft, part.mark)
            yield fault(
                "E328",
                "`api_keys` may not hold a key itself",
                (*keys, *path),
                _unshown(draft.root.mark_of_key(keys)),
                allowed="A document is kept with runs and shown: it names a variable of the "
                "environment, or `keys_file` names a file of hashed keys.",
                fix="api_keys: ${ORDAIN_API_KEYS}",
            )
    place = ("deployment", "log", "sink")
    sink = draft.root.at(place)
    is_written = sink is not None and isinstance(sink.value, str) and not _is_from_outside(sink)
    if sink is not None and is_written and _has_secret(str(sink.value)):
        _hide_line(draft, sink.mark)
        yield fault(
            "E328",
            "`sink` may not hold a password",
            place,
            _unshown(draft.root.mark_of_key(place)),
            allowed="A document is kept with runs and shown.",
            fix="sink: ${ORDAIN_LOG_URL}",
        )


def _is_from_outside(node: Node) -> bool:
    """Return whether a text is read from a variable, or names one in a sealed document."""
    return "${" in (node.raw or str(node.value))


def _has_secret(url: str) -> bool:
    """Return whether a url holds a password or a key; a user's name alone is none."""
    parts = urlsplit(url)
    anonymous = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return parts.password is not None or redact(anonymous) != anonymous


def _hide_line(draft: Draft, mark: Mark | None) -> None:
    """Take the text of a line out of the faults that stand on it too."""
    for found in (draft.faults, draft.notices):
        for index, told in enumerate(found):
            if mark and told.place and told.place.line == mark.line:
                found[index] = replace(told, place=replace(told.place, text=""))


def _unshown(mark: Mark | None) -> Mark | None:
    """Return a place without its text, which would print the secret."""
    return mark and replace(mark, text=replace(mark.text, lines=()))


_RULES: tuple[Rule, ...] = (
    _names_are_unique,
    _outputs_are_not_inputs,
    _outputs_can_be_predicted,
    _options_need_a_type,
    _family_uses_blocks,
    _family_is_able,
    shares_add_up,
    balancing_is_one_way,
    _weights_need_classes,
    _targets_are_truths,
    _targets_have_no_input_options,
    repeats_need_folds,
    _metrics_fit,
    _judging_fits,
    _checks_are_known,
    _secrets_stand_elsewhere,
    locks_are_set,
)
