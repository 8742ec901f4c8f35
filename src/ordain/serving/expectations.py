"""What training learned that a cell should be, compiled into a question to ask of one value.

The numbers come from the fitted encodings: a range, the labels, whether a cell was ever missing;
the type of a value is that of the column of training, as JSON can say it. Nothing is read twice
from the data. A type that this module does not know is asked through its own `inspect`, which is
right for any type and slower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as also
from typing import Any, Literal

import numpy as np
import polars as pl

from ordain.features.binary import BinaryEncoding
from ordain.features.category_ids import CategoryEncoding, ids_of
from ordain.features.date_parts import DateEncoding
from ordain.features.feature import Encoding, Feature
from ordain.features.instants import instant_reader, read_instants
from ordain.features.labels import read_label
from ordain.features.number_cells import NumberEncoding
from ordain.features.numerals import LARGEST, is_nothing, number_reader, read_numbers
from ordain.features.text_cells import TextEncoding
from ordain.serving.faults import message

Code = Literal["type", "range", "edge", "category", "missing"]
"""What is wrong with a cell: it cannot be read; it lies far outside of what training saw (`range`)
or a little (`edge`, which is told and never refused); it is none of the labels of training; it is
missing, and never was in training.

Far is further than the range of training is wide, or below 0 where training saw nothing below: rows
of tomorrow pass the largest of yesterday, a wrong unit or sign does not."""
Judge = Callable[[Any], Code | None]
Masks = Callable[[pl.Series], dict[Code, pl.Series]]
Kinds = tuple[type, ...]
_MOST_LABELS_TOLD = 20


@dataclass(frozen=True)
class Expectation:
    """What a field is expected to hold.

    Attributes:
        column: name of the field.
        type: of the feature; `any` where the column only feeds derived ones.
        judge: says what is wrong with a value, or None.
        masks: the same for a column: by code, True for each cell at fault; missing apart.
        readable: JSON Schema of what can be read at all.
        usual: what training saw beside, as more of the JSON Schema: a range, the labels.
        may_miss: whether training saw the field missing.
        seen: lowest and highest number of training.
        spellings: of labels: a text that is one of them is as in training.
    """

    column: str
    type: str
    judge: Judge
    masks: Masks
    readable: Mapping[str, Any]
    usual: Mapping[str, Any] = also(default_factory=dict)
    may_miss: bool = True
    seen: tuple[float, float] | None = None
    spellings: pl.Enum | None = None

    @property
    def kinds(self) -> Collection[object]:
        """Types of JSON values that can be read."""
        named: dict[str, tuple[object, ...]] = {
            "boolean": (bool,),
            "number": (int, float),
            "string": (str,),
        }
        names = self.readable.get("type", named)
        return {None.__class__, *(kind for name in names for kind in named[name])}

    def schema(self, *, is_strict: bool) -> dict[str, Any]:
        """Return the JSON Schema of values that pass: all that can be read, or the usual only."""
        if not is_strict:
            return _nullable(self.readable)
        told = {**self.readable, **self.usual}
        if "enum" in told:
            told.pop("type", None)
        return _nullable(told) if self.may_miss else told

    def fault(self, value: object, code: str) -> dict[str, Any]:
        """Return what is said of a value at fault."""
        schema = self.schema(is_strict=True)
        told = message(self.column, code, value, schema=schema, seen=self._seen())
        return {"field": self.column, "code": code, "message": told, "expected": schema}

    def _seen(self) -> str:
        return "" if self.seen is None else f"{self.seen[0]:g} to {self.seen[1]:g}"


def expectation_of(
    column: str, feature: Feature[Any], encoding: Encoding, *, dtype: pl.DataType
) -> Expectation:
    """Return what a fitted feature expects of its column.

    Args:
        column: its name.
        feature: settled.
        encoding: fitted.
        dtype: of the column in training.
    """
    kinds = _kinds(dtype)
    if isinstance(encoding, NumberEncoding):
        return _number(column, encoding, kinds)
    if isinstance(encoding, BinaryEncoding):
        return _binary(column, encoding, kinds)
    if isinstance(encoding, CategoryEncoding):
        return _category(column, encoding, kinds)
    if isinstance(encoding, DateEncoding):
        return _date(column, encoding, kinds)
    if isinstance(encoding, TextEncoding):
        return _text(column, encoding, kinds)
    return _other(column, feature, encoding)


def plain_expectation(column: str, dtype: pl.DataType) -> Expectation:
    """Return what is expected of a column that only derived columns read: what its type holds."""
    kinds = _kinds(dtype)
    return Expectation(
        column,
        "any",
        lambda value: None if value is None or type(value) in kinds else "type",
        lambda _: {},
        {"type": _names(kinds)},
    )


def _number(column: str, encoding: NumberEncoding, kinds: Kinds) -> Expectation:
    facts = encoding.facts
    has_seen = "min" in facts
    low, high = float(facts.get("min", -LARGEST)), float(facts.get("max", LARGEST))
    least, most = _near(low, high)
    may_miss, _ = _missing(encoding)
    kinds = (*kinds, int, float) if str in kinds else kinds  # a column of text, read as numbers

    def masks(cells: pl.Series) -> dict[Code, pl.Series]:
        values = read_numbers(cells, style=encoding.style)
        far = (values < least) | (values > most)
        near = ((values < low) | (values > high)) & ~far
        found: dict[Code, Any] = {"range": far, "edge": near}
        missing = np.isnan(values)
        if np.count_nonzero(missing) != cells.null_count():
            found["type"] = missing & ~is_nothing(cells).to_numpy()
        return {code: pl.Series(mask) for code, mask in found.items() if mask.any()}

    readable: dict[str, Any] = {"type": _names(kinds)}
    if kinds == (int, float):
        readable |= {"minimum": -LARGEST, "maximum": LARGEST}
    return Expectation(
        column,
        "number",
        _number_judge(encoding, kinds, seen=(low, high)),
        masks,
        readable,
        {"minimum": least, "maximum": most} if has_seen else {},
        may_miss=may_miss,
        seen=(low, high) if has_seen else None,
    )


def _number_judge(encoding: NumberEncoding, kinds: Kinds, *, seen: tuple[float, float]) -> Judge:
    low, high = seen
    least, most = _near(low, high)
    _, if_missing = _missing(encoding)
    read = number_reader(encoding.style)

    def judge(value: Any) -> Code | None:
        if value is None:
            return if_missing
        if type(value) not in kinds:
            return "type"
        if low <= value <= high:
            return None
        if least <= value <= most:
            return "edge"
        return "range" if -LARGEST <= value <= LARGEST else "type"

    def judge_text(value: Any) -> Code | None:
        if type(value) is not str:
            return judge(value)
        return judge(read(value)) if value.strip() else if_missing

    return judge_text if str in kinds else judge


def _near(low: float, high: float) -> tuple[float, float]:
    """Return the range that is not far from one of training.

    >>> _near(0.0, 72.0), _near(-1.0, 1.0)
    ((0.0, 144.0), (-3.0, 3.0))
    """
    width = high - low or abs(high) or 1.0
    least = 0.0 if low >= 0 else low - width
    return max(least, -LARGEST), min(high + width, LARGEST)


def _binary(column: str, encoding: BinaryEncoding, kinds: Kinds) -> Expectation:
    known = frozenset(encoding.values)
    quick = known | frozenset(encoding.labels)
    may_miss, if_missing = _missing(encoding)

    def judge(value: Any) -> Code | None:
        if type(value) is str and value in quick:
            return None if str in kinds else "type"
        if value is None:
            return if_missing
        if type(value) not in kinds:
            return "type"
        label = read_label(value)
        if label is None:
            return if_missing
        return None if label.lower() in known else "category"

    usual = {"enum": [_plain(label, encoding.label_type) for label in encoding.labels]}
    readable = {"type": _names(kinds)}
    masks = _unseen(known, lowercase=True)
    spellings = pl.Enum(sorted(quick)) if str in kinds else None
    return Expectation(
        column, "binary", judge, masks, readable, usual, may_miss=may_miss, spellings=spellings
    )


def _category(column: str, encoding: CategoryEncoding, kinds: Kinds) -> Expectation:
    known = None if encoding.buckets else frozenset(ids_of(encoding))
    quick = (known or frozenset()) if str in kinds else frozenset()
    lowercase = encoding.lowercase
    may_miss, if_missing = _missing(encoding)

    def judge(value: Any) -> Code | None:
        if type(value) is str and value in quick:
            return None
        if value is None:
            return if_missing
        if type(value) not in kinds:
            return "type"
        label = read_label(value)
        if label is None:
            return if_missing
        if known is None or (label.lower() if lowercase else label) in known:
            return None
        return "category"

    labels = [] if known is None else [label for label in encoding.labels if label in known]
    usual: dict[str, Any] = {}
    if 0 < len(labels) <= _MOST_LABELS_TOLD:
        usual = {"enum": [_plain(label, encoding.label_type) for label in labels]}
    readable = {"type": _names(kinds)}
    masks = _unseen(known, lowercase=lowercase)
    spellings = pl.Enum(sorted(quick)) if quick else None
    return Expectation(
        column, "category", judge, masks, readable, usual, may_miss=may_miss, spellings=spellings
    )


def _date(column: str, encoding: DateEncoding, kinds: Kinds) -> Expectation:
    read = instant_reader(encoding.formats, zone=encoding.timezone)
    may_miss, if_missing = _missing(encoding)

    def judge(value: Any) -> Code | None:
        if value is None or (type(value) is str and not value.strip()):
            return if_missing
        return "type" if type(value) not in kinds or read(value) is None else None

    def masks(cells: pl.Series) -> dict[Code, pl.Series]:
        moments = read_instants(cells, encoding.formats, zone=encoding.timezone)
        return {"type": moments.is_null() & ~is_nothing(cells)} if moments.null_count() else {}

    told = {"type": _names(kinds), "description": f"a date, as {', '.join(encoding.formats)}"}
    return Expectation(column, "date", judge, masks, told, may_miss=may_miss)


def _text(column: str, encoding: TextEncoding, kinds: Kinds) -> Expectation:
    may_miss, if_missing = _missing(encoding)

    def judge(value: Any) -> Code | None:
        if type(value) is str:
            return None if str in kinds else "type"
        if value is None:
            return if_missing
        return None if type(value) in kinds else "type"

    readable = {"type": _names(kinds)}
    return Expectation(column, "text", judge, lambda _: {}, readable, may_miss=may_miss)


def _other(column: str, feature: Feature[Any], encoding: Encoding) -> Expectation:
    may_miss, _ = _missing(encoding)

    def judge(value: Any) -> Code | None:
        found = feature.inspect(pl.Series(column, [value], strict=False), encoding)
        if found.get("unparsed"):
            return "type"
        if found.get("unseen"):
            return "category"
        return "missing" if found["n_missing"] and not may_miss else None

    def masks(cells: pl.Series) -> dict[Code, pl.Series]:
        found = feature.inspect(cells, encoding)
        if not (found.get("unparsed") or found.get("unseen")):
            return {}
        codes = pl.Series([judge(value) for value in cells])  # rare, and right for any type
        return {"type": codes == "type", "category": codes == "category"}

    return Expectation(column, feature.type, judge, masks, {}, may_miss=may_miss)


def _unseen(known: frozenset[str] | None, *, lowercase: bool) -> Masks:
    """Return what finds labels that are not known; any is right where that is None."""
    if known is None:
        return lambda _: {}

    def is_strange(value: Any) -> bool:
        label = None if value is None else read_label(value)
        return label is not None and (label.lower() if lowercase else label) not in known

    def masks(cells: pl.Series) -> dict[Code, pl.Series]:
        given = cells.unique()
        # Each different value is looked at once, whatever the number of rows.
        strange = [value for value in given.to_list() if is_strange(value)]
        if not strange:
            return {}
        return {"category": cells.is_in(pl.Series(strange, dtype=cells.dtype).implode())}

    return masks


def _missing(encoding: Encoding) -> tuple[bool, Code | None]:
    """Return whether training saw the field missing, and what a missing cell is called."""
    may_miss = bool(encoding.facts.get("n_missing", 1))
    return may_miss, None if may_miss else "missing"


def _kinds(dtype: pl.DataType) -> Kinds:
    """Return the types of JSON values that a column of this type comes as."""
    if dtype == pl.Boolean:
        return (bool,)
    if dtype.is_numeric():
        return (int, float)
    return (str,)


def _names(kinds: Kinds) -> list[str]:
    names = {bool: "boolean", float: "number", str: "string"}
    return [name for kind, name in names.items() if kind in kinds]


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with null allowed: a missing cell can always be read."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [*schema["type"], "null"]} if "type" in schema else dict(schema)


def _plain(label: str, kind: str) -> Any:
    """Return a label as JSON writes it."""
    if kind == "integer":
        return int(label)
    return label == "true" if kind == "boolean" else label
