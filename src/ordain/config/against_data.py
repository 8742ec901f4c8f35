"""The document against its data: columns that are not there, values that do not fit (`E4xx`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ordain.config.codes import fault
from ordain.config.config import Config
from ordain.config.document import AUTO, Document, InputFeature, OutputFeature
from ordain.config.doubts import Doubts
from ordain.config.located import Path
from ordain.config.metrics import check_cost_labels, unknown_class
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import DataError
from ordain.data.profile import ColumnProfile
from ordain.features.feature import FEATURES

MIN_ROWS = 3
MOST_UNREAD = 0.5
"""Share of a column's values that may be unreadable."""
READ_TYPES = {"number", "date", "binary"}
"""Types whose values can turn out to be something else."""
_FORMAT_OF = {"number": "number_format", "date": "datetime_format"}
"""The key that says how text of a type is written."""
_ROW = re.compile(r" \(row \d+\)")
CLASS_TYPES = {"binary", "category"}
Profiles = Mapping[str, ColumnProfile]


def check_columns(config: Config, profiles: Profiles, doubts: Doubts) -> list[Diagnostic]:
    """Return a fault for every column that is named and not there, and for too few rows."""
    faults = list(_rows(config, profiles))
    faults += _features(config, profiles, doubts, "output_features", code="E403")
    faults += _features(config, profiles, doubts, "input_features", code="E401")
    faults += _split_columns(config, profiles, doubts)
    return faults


def check_values(
    config: Config, document: Document, profiles: Profiles, doubts: Doubts
) -> list[Diagnostic]:
    """Return the faults in the values of a settled document's features.

    A feature that is in doubt is not in that document: of its column only what does not depend on
    its type is looked at.
    """
    faults: list[Diagnostic] = []
    inputs, outputs = document.inputs, document.output_features
    open_inputs, open_outputs = _open(config, document, profiles)
    for target in (*outputs, *open_outputs):
        faults += _target(config, target, profiles[target.column])
    for source in (*inputs, *open_inputs):
        faults += _input(config, source, profiles[source.column])
    features: tuple[InputFeature | OutputFeature, ...] = (*outputs, *inputs)
    for feature in features:
        faults += _readable(config, feature, profiles[feature.column])
    for source in inputs:
        faults += _columns_filled_from(config, source, document, profiles)
    if not inputs and not doubts.paths and not _named_inputs_are_absent(config, profiles):
        faults.append(
            fault(
                "E409",
                "no column is left to learn from",
                ("input_features",),
                config.tree.mark_of(("input_features",)),
                allowed=f"Columns of the data: {_listed(profiles)}.",
            )
        )
    return faults


def _open(
    config: Config, document: Document, profiles: Profiles
) -> tuple[list[InputFeature], list[OutputFeature]]:
    """Return the inputs and outputs that were written and are not in a bound document."""
    written: Any = config.document.input_features
    known = {feature.name for feature in document.features}
    return (
        [f for f in written if f.name not in known and f.column in profiles]
        if not isinstance(written, str)
        else [],
        [
            output.model_copy(update={"type": AUTO})
            for output in config.document.output_features
            if output.name not in known and output.column in profiles
        ],
    )


def _named_inputs_are_absent(config: Config, profiles: Profiles) -> bool:
    written = config.document.input_features
    return not isinstance(written, str) and any(f.column not in profiles for f in written)


def _rows(config: Config, profiles: Profiles) -> Iterator[Diagnostic]:
    n_rows = max((profile.n_rows for profile in profiles.values()), default=0)
    if n_rows < MIN_ROWS:
        shown = {0: "no rows", 1: "one row"}.get(n_rows, f"{n_rows} rows")
        yield fault(
            "E408",
            f"the data has {shown}",
            ("data",),
            config.tree.mark_of(("data", "source")) if config.document.data.source else None,
            allowed=f"Rows to train, to validate and to test take at least {MIN_ROWS}.",
            fix="give more rows"
            + (", or loosen `data.where`" if config.document.data.where else ""),
        )


def _features(
    config: Config, profiles: Profiles, doubts: Doubts, section: str, *, code: str
) -> Iterator[Diagnostic]:
    features: Any = getattr(config.document, section)
    if isinstance(features, str):
        return
    known = {*profiles, *doubts.columns_to_be()}
    for feature in features:
        if feature.column not in known:
            base = place_of(config, section, feature.name)
            if doubts.about_column(base):
                continue
            path: Path = (*base, "column")
            if config.tree.at(path) is None:
                path = (*base, "name")
            what = "target" if section == "output_features" else "column"
            yield _absent(config, profiles, path, feature.column, code=code, what=what)


def _split_columns(config: Config, profiles: Profiles, doubts: Doubts) -> Iterator[Diagnostic]:
    split = config.document.preprocessing.split
    known = {*profiles, *doubts.columns_to_be()}
    for column in split.columns():
        if column in known:
            continue
        base: Path = ("preprocessing", "split")
        keys = [key for key in type(split).model_fields if _names(getattr(split, key), column)]
        path = (*base, keys[0]) if keys else base
        yield _absent(config, profiles, path, column, code="E401", what="column")


def _columns_filled_from(
    config: Config, feature: InputFeature, document: Document, profiles: Profiles
) -> Iterator[Diagnostic]:
    """Return a fault for every column a missing cell is filled from that may not be, or is not."""
    targets = {output.column for output in document.output_features}
    for column in feature.preprocessing.reads:
        path = (*place_of(config, "input_features", feature.name), "preprocessing")
        by_group = column == getattr(feature.preprocessing, "missing_group", None)
        path = (*path, "missing_group") if by_group else (*path, "missing_inputs", column)
        if column not in profiles:
            yield _absent(config, profiles, path, column, code="E401", what="column")
        elif column in targets:
            yield fault(
                "E302",
                f"`{feature.name}` would be filled from the output '{column}'",
                path,
                config.tree.mark_of(path),
                allowed="A model may not learn from what it is to predict.",
                fix="name another column",
            )
        elif column == feature.column:
            yield fault(
                "E309",
                f"`{feature.name}` would be filled from itself",
                path,
                config.tree.mark_of(path),
                allowed=f"Columns: {_listed(profiles)}.",
                fix="name another column",
            )


def _names(value: object, column: str) -> bool:
    return value == column or (isinstance(value, list | tuple) and column in value)


def _absent(
    config: Config, profiles: Profiles, path: Path, column: str, *, code: str, what: str
) -> Diagnostic:
    close = nearest(column, profiles)
    entry = config.tree.at(path[:-1])
    known = entry.entries.get(str(path[-1])) if entry is not None else None
    is_short = known is not None and known.mark is not None and known.mark is known.node.mark
    fix = close if is_short else f"{path[-1]}: {close}"
    return fault(
        code,
        f"the {what} '{column}' is not in the data",
        path,
        config.tree.mark_of(path),
        allowed=f"Columns: {_listed(profiles)}.",
        fix=fix if close else None,
    )


def _target(config: Config, output: OutputFeature, profile: ColumnProfile) -> Iterator[Diagnostic]:
    path = place_of(config, "output_features", output.name)
    mark = config.tree.mark_of((*path, "name"))
    n_present = profile.n_rows - profile.n_missing
    if n_present == 0:
        yield fault(
            "E404",
            f"the target '{output.column}' has no value in any of {profile.n_rows:,} rows",
            path,
            mark,
            fix="choose another column to predict",
        )
        return
    if profile.n_distinct <= 1 and n_present > 1:
        value = profile.top[0][0] if profile.top else ""
        yield fault(
            "E405",
            f"the target '{output.column}' is '{value}' in all of {n_present:,} rows",
            path,
            mark,
            allowed="A target must have at least two values.",
            fix="choose another column"
            + (", or loosen `data.where`" if config.document.data.where else ""),
        )
        return
    if profile.n_missing:
        yield fault(
            "W508",
            f"{profile.n_missing:,} of {profile.n_rows:,} rows have no `{output.column}` and "
            "are left out of training and judging",
            path,
            mark,
        )
    if output.type in CLASS_TYPES:
        yield from _classes(config, output, profile, path)
    yield from _outside_of_loss(config, output, profile, path)


def _outside_of_loss(
    config: Config, output: OutputFeature, profile: ColumnProfile, path: Path
) -> Iterator[Diagnostic]:
    """Compare the lowest value with what the loss can judge; text is left to the training rows."""
    domain = getattr(output.loss, "domain", "any")
    options: Any = output.preprocessing
    is_changed = getattr(options, "outlier_strategy", None) is not None
    if output.loss is None or domain == "any" or profile.least is None or is_changed:
        return
    if profile.least > 0 or (profile.least == 0 and domain == "not_negative"):
        return
    asked = "0 or more" if domain == "not_negative" else "above 0"
    sign = ">=" if domain == "not_negative" else ">"
    place: Path = (*path, "loss")
    mark = config.tree.mark_of((*place, "type")) or config.tree.mark_of(place)
    yield fault(
        "E415",
        f"`{output.column}` goes down to {profile.least:g}, which the loss "
        f"'{output.loss.type}' cannot judge",
        place,
        mark or config.tree.mark_of((*path, "name")),
        allowed=f"It judges targets of {asked}.",
        fix=f"loss: mean_squared_error, or leave those rows out with "
        f"`data.where: {output.column} {sign} 0`",
    )


def _classes(
    config: Config, output: OutputFeature, profile: ColumnProfile, path: Path
) -> Iterator[Diagnostic]:
    mark = config.tree.mark_of((*path, "name"))
    is_whole = profile.n_distinct <= len(profile.top)
    single = [label for label, count in profile.top if count == 1]
    if single:
        shown = ", ".join(f"'{label}'" for label in single[:3])
        more = f" and {len(single) - 3} more" if len(single) > 3 else ""  # noqa: PLR2004
        verb = "has" if len(single) == 1 else "have"
        stratified = _stratifies(config, output.column)
        at = ("preprocessing", "split") if stratified else path
        yield fault(
            "E406" if stratified else "W506",
            f"of the classes of `{output.column}`, {shown}{more} {verb} a single row",
            at,
            config.tree.mark_of(at) if stratified else mark,
            allowed="Such a class stands in one set only: it is not learned or not judged.",
            fix=f"data:\n  where: {output.column} <> '{single[0]}'",
        )
    labels = [label for label, _ in profile.top]
    if isinstance(output.class_weights, dict) and is_whole:
        yield from _weights(config, output, labels, path)
    if is_whole and sum(o.type in CLASS_TYPES for o in config.document.output_features) == 1:
        yield from check_cost_labels(config, output, labels)


def _weights(
    config: Config, output: OutputFeature, labels: Sequence[str], path: Path
) -> Iterator[Diagnostic]:
    assert isinstance(output.class_weights, dict), "the caller has looked"
    for label, weight in output.class_weights.items():
        if label not in labels:
            place = (*path, "class_weights", label)
            yield unknown_class(config, output, label, labels=labels, place=place, value=weight)


def _stratifies(config: Config, column: str) -> bool:
    split = config.document.preprocessing.split
    named = getattr(split, "stratify", None)
    if split.type == "stratify":
        named = getattr(split, "column", None)
    return column in ((named,) if isinstance(named, str) else named or ())


def _input(config: Config, feature: InputFeature, profile: ColumnProfile) -> Iterator[Diagnostic]:
    path = place_of(config, "input_features", feature.name)
    mark = config.tree.mark_of((*path, "name"))
    n_present = profile.n_rows - profile.n_missing
    if n_present == 0:
        yield fault(
            "W504",
            f"`{feature.name}` has no value in any of {profile.n_rows:,} rows and tells nothing",
            path,
            mark,
            fix="remove it from `input_features`",
        )
    elif profile.n_distinct <= 1 and profile.n_missing == 0 and profile.n_rows >= MIN_ROWS:
        value = profile.top[0][0] if profile.top else ""
        yield fault(
            "W501",
            f"`{feature.name}` is '{value}' in all of {n_present:,} rows and tells nothing",
            path,
            mark,
            fix="remove it from `input_features`",
        )


def _readable(
    config: Config, feature: InputFeature | OutputFeature, profile: ColumnProfile
) -> Iterator[Diagnostic]:
    """Fit the feature to a sample: what cannot be of the type at all is found before any work."""
    if feature.type not in READ_TYPES or not len(profile.sample):
        return
    section = "output_features" if isinstance(feature, OutputFeature) else "input_features"
    path = place_of(config, section, feature.name)
    place = (*path, "type") if config.tree.at((*path, "type")) is not None else (*path, "name")
    mark = config.tree.mark_of(place)
    is_part = len(profile.sample) < profile.n_rows - profile.n_missing
    seen = f"Seen in a sample of {len(profile.sample):,} of {profile.n_rows:,} rows."
    notes = (seen,) if is_part else ()
    try:
        encoding = feature.preprocessing.fit(
            profile.sample.alias(feature.column), seed=config.document.seed
        )
    except DataError as error:
        # Row numbers would be those of the sample.
        message, _, fix = _ROW.sub("", error.message).partition("\n  Fix: ")
        code = "E411" if feature.type == "binary" and profile.n_distinct > len("01") else "E402"
        fix = _other_type(feature, profile) or fix
        yield fault(code, message.strip(), place, mark, fix=fix or None, notes=notes)
        return
    unparsed = encoding.facts.get("unparsed")
    if unparsed:
        share = unparsed["count"] / len(profile.sample)
        shown = ", ".join(dict.fromkeys(f"'{e['value']}'" for e in unparsed["examples"]))
        what = "numbers" if feature.type == "number" else "dates"
        yield fault(
            "E407" if share > MOST_UNREAD else "W507",
            f"{unparsed['count']:,} of {len(profile.sample):,} values of `{feature.column}` are "
            f"no {what}, such as {shown}",
            place,
            mark,
            allowed=f"They count as missing; up to {MOST_UNREAD:.0%} may.",
            fix=f"set `{_FORMAT_OF[feature.type]}`, or declare `{feature.name}` as "
            + _either(_types_of_text(feature, profile)),
            notes=notes,
        )


def _other_type(feature: InputFeature | OutputFeature, profile: ColumnProfile) -> str | None:
    """Return the fix for text declared as numbers or dates; None where a format is declared."""
    option = _FORMAT_OF.get(feature.type or "")
    is_text = str(profile.sample.dtype) == "String"
    if option is None or not is_text or option in feature.preprocessing.model_fields_set:
        return None
    names = _types_of_text(feature, profile)
    return f"declare it {_either([f'`type: {name}`' for name in names])}, or set `{option}`"


def _types_of_text(
    feature: InputFeature | OutputFeature, profile: ColumnProfile
) -> tuple[str, ...]:
    """Return the types a column of text may be declared as, the likeliest first."""
    has_two = profile.n_distinct == len("01")
    names = ("binary", "category", "text") if has_two else ("category", "text")
    is_input = isinstance(feature, InputFeature)
    return tuple(name for name in names if is_input or FEATURES.get(name).is_output)


def _either(words: Sequence[str]) -> str:
    return " or ".join([*([", ".join(words[:-1])] if words[:-1] else []), words[-1]])


def place_of(config: Config, section: str, name: str) -> Path:
    """Return the path of a feature as it was written; of the section for one that was inferred."""
    node = config.tree.get(section)
    for index, item in enumerate(node.items if node else []):
        known = item.get("name")
        if known is not None and known.value == name:
            return (section, index)
    return (section,)


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    shown = ", ".join(known[:20])
    return shown + (f" and {len(known) - 20} more" if len(known) > 20 else "")  # noqa: PLR2004
