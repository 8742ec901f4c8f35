"""`bind`: a config meets the columns of its data; `settle`: what was left open is decided.

`bind` gives every feature a type and lays `defaults` under it. `settle` then asks the family what
form each input must take and lets the feature type replace every `auto`; it is a step of its own
because the baselines beside a model settle the same features for their own families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from ordain.config import against_data, columns
from ordain.config.abilities import Asked, check_abilities, check_constraints
from ordain.config.codes import fault
from ordain.config.config import Config, in_order
from ordain.config.document import AUTO, Document, InputFeature, OutputFeature, TypeDefaults
from ordain.config.doubts import Doubts
from ordain.config.dumped import secrets_of, to_plain
from ordain.config.judging_data import check_judging_data
from ordain.config.rules import check_inferred_targets
from ordain.core.component import Component
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import ConfigError
from ordain.data.profile import ColumnProfile
from ordain.features.feature import FEATURES
from ordain.features.filling import MODEL, InputType
from ordain.features.inference import infer_type
from ordain.models.family import Family

F = TypeVar("F", InputFeature, OutputFeature)
Reasons = dict[str, str]
"""Why a value that no user wrote is what it is, by dotted path with feature names:
``input_features.tenure.type``."""


@dataclass(frozen=True)
class Bound:
    """A config that fits its data.

    Attributes:
        config: what was bound.
        document: every feature typed and with `defaults` applied; `auto` options still open.
        reasons: see `Reasons`.
        warnings: `W5xx` diagnostics.
    """

    config: Config
    document: Document
    reasons: Reasons = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()

    def settled(self) -> tuple[Document, Reasons]:
        """Return the document with every `auto` option replaced, and the reasons of everything."""
        document, reasons = settle(self.document)
        return document, {**self.reasons, **reasons}

    def to_dict(self) -> dict[str, Any]:
        """Return the settled document as plain data; values from the environment stay `${NAME}`."""
        return to_plain(self.settled()[0], secrets=secrets_of(self.config.tree))


def bind(config: Config, profiles: Mapping[str, ColumnProfile]) -> Bound:
    """Return the config resolved against the columns of its data.

    Args:
        config: what to bind.
        profiles: of every column of the table, in table order, derived columns included.

    Raises:
        ConfigError: with every way in which document and data disagree (`E4xx`).
    """
    bound, faults = _bind(config, profiles)
    errors = in_order([fault for fault in faults if fault.severity == "error"])
    if errors or bound is None:
        raise ConfigError.of(errors)
    return bound


def check_against(
    config: Config,
    profiles: Mapping[str, ColumnProfile],
    *,
    faults: Sequence[Diagnostic] = (),
) -> list[Diagnostic]:
    """Return every way in which document and data disagree, warnings included.

    With `faults` of the document, only what they leave without doubt is looked at.
    """
    return _bind(config, profiles, Doubts.of(faults, config.tree))[1]


def settle(document: Document) -> tuple[Document, Reasons]:
    """Return a bound document with every `auto` option replaced, and why, for its own family."""
    reasons: Reasons = {}
    family = document.model_type
    inputs, outputs = [], []
    assert not isinstance(document.input_features, str), "`bind` lists the inputs"
    for feature in document.input_features:
        asked, because = _asked_by_encoder(feature, family)
        asked, guessed_from = _asked_by_filling(feature, asked, document)
        because = {**because, **guessed_from}
        options, why = asked.settle(family.form(feature.type, feature.encoder))
        reasons |= _told(f"input_features.{feature.name}.preprocessing", {**because, **why})
        inputs.append(feature.model_copy(update={"preprocessing": options}))
    for output in document.output_features:
        asked, because = _asked_by_loss(output, document)
        options, why = asked.settle(None)
        reasons |= _told(f"output_features.{output.name}.preprocessing", {**because, **why})
        outputs.append(output.model_copy(update={"preprocessing": options}))
    update = {"input_features": tuple(inputs), "output_features": tuple(outputs)}
    return document.model_copy(update=update), reasons


def _asked_by_filling(
    feature: InputFeature, options: Any, document: Document
) -> tuple[Any, dict[str, str]]:
    """Return the options with the columns that a missing cell is predicted from, and why."""
    fills = getattr(options, "missing_value_strategy", None) == MODEL
    if not fills or options.missing_inputs is not None:
        return options, {}
    types = {
        other.column: other.type
        for other in document.inputs
        if other.column != feature.column and other.type in get_args(InputType)
    }
    why = {"missing_inputs": "every other input but texts"}
    return options.model_copy(update={"missing_inputs": types}), why


def _asked_by_encoder(feature: InputFeature, family: Family) -> tuple[Any, dict[str, str]]:
    """Return the options with those that the encoder needs, such as its tokeniser, and why."""
    options = feature.preprocessing
    needed = family.text_options(feature.encoder) if feature.type == "text" else {}
    wanted = {
        key: value
        for key, value in needed.items()
        if value is not None and key not in options.model_fields_set
    }
    if not wanted:
        return options, {}
    name = f"'{feature.encoder.type}'" if feature.encoder else "that the family chooses"
    why = dict.fromkeys(wanted, f"the encoder {name} asks for it")
    return options.model_copy(update=wanted), why


def _asked_by_loss(output: OutputFeature, document: Document) -> tuple[Any, dict[str, str]]:
    """Return the options of an output with those that what is minimised needs, and why."""
    options: Any = output.preprocessing
    needed = document.model_type.target_options(output.type, output.loss, document.trainer)
    wanted = {
        key: value
        for key, value in needed.items()
        if key not in options.model_fields_set or getattr(options, key) == AUTO
    }
    if not wanted:
        return options, {}
    why = {key: reason for key, (_, reason) in wanted.items()}
    return options.model_copy(update={key: value for key, (value, _) in wanted.items()}), why


def _told(path: str, why: Mapping[str, str]) -> Reasons:
    return {f"{path}.{key}": reason for key, reason in why.items()}


def _bind(
    config: Config, profiles: Mapping[str, ColumnProfile], doubts: Doubts | None = None
) -> tuple[Bound | None, list[Diagnostic]]:
    doubts = doubts or Doubts(frozenset(), config.tree)
    document = config.document
    if document.is_deployment_alone:
        return None, [_nothing_to_train(config)]
    reasons: Reasons = {}
    if "name" not in config.tree.entries and document.name != "model":
        reasons["name"] = "name of the file"
    faults = against_data.check_columns(config, profiles, doubts)
    if doubts.about_rows() or any(found.code == "E408" for found in faults):
        return None, faults
    inputs, left_out = columns.expand_inputs(config, profiles, reasons)
    if doubts.about_columns():
        inputs, left_out = ([] if document.input_features == "all" else inputs), []
    faults += left_out
    declared: dict[str, Sequence[Any]] = {
        "input_features": inputs,
        "output_features": document.output_features,
    }
    update: dict[str, Any] = {"defaults": {}}
    for section, features in declared.items():
        known = [
            feature
            for feature in features
            if feature.column in profiles and not _is_open(config, section, feature, doubts)
        ]
        typed = [
            _typed(feature, section, document=document, profiles=profiles, reasons=reasons)
            for feature in known
        ]
        update[section] = tuple(feature for feature, _ in typed)
        faults += [_unsure(config, section, f.name, text) for f, texts in typed for text in texts]
    filled = document.model_copy(update=update)
    faults += check_inferred_targets(config.tree, document.output_features, filled.output_features)
    faults += check_abilities(_inferred(config, filled))
    if isinstance(document.input_features, str):
        names = [column.name for column in filled.inputs]
        faults += check_constraints(config.tree, filled.trainer, names)
    settled = settle(filled)[0]
    faults += against_data.check_values(config, settled, profiles, doubts)
    faults += check_judging_data(config, settled, profiles, doubts)
    warnings = tuple(fault for fault in faults if fault.severity == "warning")
    return Bound(config, filled, reasons, (*config.notices, *warnings)), faults


def _nothing_to_train(config: Config) -> Diagnostic:
    path = ("output_features",)
    return fault(
        "E207",
        "`output_features` is missing: the document declares a deployment, and nothing to train",
        path,
        config.tree.mark_of_key(("deployment",)),
        allowed="`ordain deploy` and `ordain serve` take it as it is.",
        fix="output_features:\n  <column>: <type>",
    )


def _inferred(config: Config, filled: Document) -> Asked:
    """Return what features whose type was inferred ask of the family."""
    document = config.document
    inputs = () if isinstance(document.input_features, str) else document.input_features
    features: tuple[InputFeature | OutputFeature, ...] = (*inputs, *document.output_features)
    is_said = {feature.name for feature in features if feature.type != AUTO}
    return Asked(
        config.tree,
        filled.model_type,
        filled.trainer,
        [column for column in filled.inputs if column.name not in is_said],
        [output for output in filled.output_features if output.name not in is_said],
        {},
    )


def _is_open(
    config: Config, section: str, feature: InputFeature | OutputFeature, doubts: Doubts
) -> bool:
    """Return whether faults leave it open how a feature is to be read."""
    if not doubts.paths:
        return False
    node = config.tree.get(section)
    named = [
        (section, index)
        for index, item in enumerate(node.items if node else [])
        if (name := item.get("name")) is not None and name.value == feature.name
    ]
    return any(doubts.about_type(path, feature.type) for path in named)


def _unsure(config: Config, section: str, name: str, text: str) -> Diagnostic:
    path = against_data.place_of(config, section, name)
    return fault("W509", text, path, config.tree.mark_of((*path, "name")))


def _typed(
    feature: F,
    section: str,
    *,
    document: Document,
    profiles: Mapping[str, ColumnProfile],
    reasons: Reasons,
) -> tuple[F, list[str]]:
    """Return a feature with its type and the defaults of that type, and what is unsure."""
    type_name, options = feature.type, feature.preprocessing
    unsure: tuple[str, ...] = ()
    if type_name == AUTO:
        inference = infer_type(profiles[feature.column], as_output=section == "output_features")
        type_name, unsure = inference.type, inference.warnings
        options = FEATURES.build({"type": type_name, **inference.options})
        path = f"{section}.{feature.name}"
        reasons[f"{path}.type"] = inference.reason
        reasons |= {f"{path}.preprocessing.{key}": inference.reason for key in inference.options}
    defaults = document.defaults.get(type_name, TypeDefaults())
    has_encoders = document.model_type.has_encoders
    update: dict[str, Any] = {
        "type": type_name,
        "preprocessing": _laid_over(defaults.preprocessing, options),
    }
    if isinstance(feature, InputFeature):
        update["encoder"] = _laid_over(defaults.encoder, feature.encoder) if has_encoders else None
    else:
        update["decoder"] = _laid_over(defaults.decoder, feature.decoder) if has_encoders else None
        update["loss"] = _laid_over(defaults.loss, feature.loss)
    return feature.model_copy(update=update), list(unsure)


def _laid_over(under: Component | None, over: Component | None) -> Any:
    """Return what a feature says laid over the defaults of its type."""
    if under is None or over is None or type(under) is not type(over):
        return over if over is not None else under
    keys: dict[str, Any] = {}
    for component in (under, over):
        keys |= {name: getattr(component, name) for name in component.model_fields_set}
    return type(over).model_construct(**keys)


__all__ = ["Bound", "Reasons", "bind", "check_against", "settle"]
