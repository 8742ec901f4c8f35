"""Which type a column is, judged from its profile, with the reason in words.

The rules, in order: nothing there · bool · dates · two values · numbers (also in text) · dates in
text · codes and labels · text. Numbers with few distinct values stay numbers as inputs, since
their order may matter; as outputs they are ambiguous, which is said.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ordain.data.profile import ColumnProfile
from ordain.features.date_formats import EPOCH_FACTORS
from ordain.features.instant_formats import infer_formats
from ordain.features.instants import read_instants
from ordain.features.labels import read_labels
from ordain.features.numerals import infer_style, is_nothing, read_numbers

_FEW = 20
"""Distinct whole numbers up to which an output may be meant as classes."""
_MOST_READ = 0.95
_ID_NAME = re.compile(
    r"(^|[_\s.-])(id|ids|uuid|guid|key|hash|idx|index|rownum|row)$|^(id|uuid|guid|row)[_\s.-]|"
    r"[a-z](Id|ID|Key|UUID)$|^(unnamed: ?0|rownames|column_?0|)$"
)
_CODE_NAME = re.compile(
    r"(^|[_\s.-]|[a-z])(zip|zipcode|postcode|postal|code|class|type|group|category|cat|region|"
    r"cluster|label|kind|status|sku|district|borough|zone)$",
    re.IGNORECASE,
)
_DATE_NAME = re.compile(r"date|time|stamp|day|_at$|_on$|created|updated", re.IGNORECASE)


@dataclass(frozen=True)
class Inference:
    """What a column is taken for.

    Attributes:
        type: type name of a feature.
        reason: one sentence for people.
        confidence: 0 to 1; below 0.7 a person is best asked.
        options: `preprocessing` keys to write, such as the format of numbers.
        exclude: why the column is best left out of the inputs, or None.
        warnings: what else a person must know.
    """

    type: str
    reason: str
    confidence: float
    options: dict[str, Any] = field(default_factory=dict)
    exclude: str | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class _Look:
    """A profile with what the rules ask of it."""

    profile: ColumnProfile
    as_output: bool

    @property
    def n_present(self) -> int:
        return self.profile.n_rows - self.profile.n_missing

    @property
    def distinct_share(self) -> float:
        return self.profile.n_distinct / max(self.n_present, 1)

    @property
    def is_all_distinct(self) -> bool:
        # Above 10,000 the number of distinct values is an estimate.
        share = 1.0 if self.profile.n_distinct <= 10_000 else 0.9  # noqa: PLR2004
        return self.n_present >= _FEW and self.distinct_share >= share

    @property
    def has_id_name(self) -> bool:
        return bool(_ID_NAME.search(self.profile.name))


def infer_type(profile: ColumnProfile, *, as_output: bool) -> Inference:
    """Return what a column is taken for; an output is number, binary or category."""
    look = _Look(profile, as_output)
    if look.n_present == 0:
        return Inference(
            "category", "it holds no value at all", 0.1, exclude="every value is missing"
        )
    found = _by_storage(look)
    if profile.n_distinct == 1:
        return Inference(
            found.type,
            found.reason,
            found.confidence,
            options=found.options,
            exclude="it holds one value only",
            warnings=found.warnings,
        )
    return found


def _by_storage(look: _Look) -> Inference:
    dtype = look.profile.dtype
    if dtype == pl.Boolean:
        return Inference("binary", "it holds true and false", 1.0)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return _no_text_output(look, Inference("date", "it holds dates", 1.0))
    if dtype.is_numeric():
        return _number(look)
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return _text(look)
    return Inference(
        "category",
        f"values of {dtype} have no type of their own",
        0.1,
        exclude=f"values of {dtype} cannot be read",
    )


def _number(look: _Look) -> Inference:  # noqa: PLR0911 - one return a rule
    profile = look.profile
    values = profile.sample.cast(pl.Float64).to_numpy()
    values = values[np.isfinite(values)]
    is_whole = bool(len(values)) and bool(np.all(np.floor(values) == values))
    if profile.n_distinct == 2 and is_whole:  # noqa: PLR2004 - two values
        shown = " and ".join(sorted(text for text, _ in profile.top[:2]))
        return Inference("binary", f"it holds two values, {shown}", 0.9)
    if not is_whole:
        return Inference("number", "it holds numbers with fractions", 1.0)
    date = _whole_number_date(look)
    if date is not None:
        return _no_text_output(look, date)
    if not look.as_output and look.is_all_distinct and (look.has_id_name or _is_counter(look)):
        return Inference(
            "category",
            "every row has its own whole number",
            0.8,
            exclude="it names the row and cannot generalise",
        )
    if look.has_id_name and profile.n_distinct > 1:
        return Inference("category", "its name says that the numbers are names", 0.7)
    if look.as_output:
        return _whole_number_output(look)
    if profile.n_distinct <= _FEW and _CODE_NAME.search(profile.name):
        return Inference(
            "category", f"its name says that its {profile.n_distinct} whole numbers are codes", 0.7
        )
    if profile.n_distinct <= _FEW:
        return Inference(
            "number", f"it holds {profile.n_distinct} whole numbers whose order may matter", 0.8
        )
    return Inference("number", "it holds whole numbers", 0.95)


def _whole_number_output(look: _Look) -> Inference:
    n = look.profile.n_distinct
    if n > _FEW or n * 5 > look.n_present:
        return Inference("number", "it holds many whole numbers", 0.95)
    values = look.profile.sample.cast(pl.Float64).to_numpy()
    reach = float(values.max() - values.min())
    is_code = bool(_CODE_NAME.search(look.profile.name)) or reach <= 9  # noqa: PLR2004 - one digit
    kind, other = ("category", "number") if is_code else ("number", "category")
    warning = (
        f"column `{look.profile.name}` is ambiguous: {n} distinct whole numbers may be classes "
        f"or a quantity. Taken as {kind}; write `type: {other}` if that is meant."
    )
    return Inference(
        kind,
        f"it holds {n} distinct whole numbers",
        0.55,
        warnings=(warning,),
    )


def _whole_number_date(look: _Look) -> Inference | None:
    if not _DATE_NAME.search(look.profile.name):
        return None
    sample = look.profile.sample
    found = infer_formats(sample)
    if not found.formats or found.formats[0] == "%Y":
        return None
    read = len(sample) - read_instants(sample, found.formats).null_count()
    if read < _MOST_READ * len(sample):
        return None
    what = "seconds since 1970" if found.formats[0] in EPOCH_FACTORS else "dates written as numbers"
    return Inference(
        "date",
        f"its name and values say {what}",
        0.8,
        options={"datetime_format": found.formats[0]},
    )


def _is_counter(look: _Look) -> bool:
    """Return whether the numbers count rows: rising through the table by even steps."""
    values = look.profile.sample.cast(pl.Float64).to_numpy()
    if len(values) < _FEW or look.profile.n_missing:
        return False
    steps = np.diff(values)
    span = values[-1] - values[0]
    return bool(np.all(steps > 0) and span <= look.profile.n_rows and steps.std() <= steps.mean())


def _text(look: _Look) -> Inference:
    sample = read_labels(look.profile.sample)
    sample = sample.filter(~is_nothing(sample))
    # The commonest spelling of a label is told.
    folded = {text.strip().lower(): text.strip() for text, _ in reversed(look.profile.top)}
    folded.pop("", None)
    is_two = look.profile.n_distinct <= len(look.profile.top) and len(folded) == 2  # noqa: PLR2004
    if is_two:
        first, second = (folded[label] for label in sorted(folded))
        return Inference("binary", f"it holds two labels, '{first}' and '{second}'", 0.9)
    if len(sample) == 0:
        return Inference("category", "it holds only words for missing", 0.3)
    found = (
        _number_in_text(look, sample) or _date_in_text(look, sample) or _label_or_text(look, sample)
    )
    return _no_text_output(look, found)


def _number_in_text(look: _Look, sample: pl.Series) -> Inference | None:
    style, is_ambiguous = infer_style(sample)
    unread = np.isnan(read_numbers(sample, style=style))
    if unread.mean() > 1 - _MOST_READ:
        return None
    if sample.str.contains(r"^0[0-9]+$").any():
        return Inference("category", "its numbers have leading zeros, as codes have", 0.8)
    if look.has_id_name and look.is_all_distinct:
        return Inference(
            "category",
            "every row has its own number",
            0.8,
            exclude="it names the row and cannot generalise",
        )
    warnings = []
    if unread.any():
        shown = ", ".join(
            f"'{text}'" for text in sample.filter(pl.Series(unread)).head(3).to_list()
        )
        warnings.append(
            f"column `{look.profile.name}`: values that are no numbers count as missing,"
            f" such as {shown}"
        )
    if is_ambiguous:
        warnings.append(
            f"column `{look.profile.name}`: `,` is read as the sign between thousands; "
            f"write `number_format: comma` if it is the decimal sign"
        )
    return Inference(
        "number",
        "it holds numbers written as text",
        0.6 if is_ambiguous else 0.9,
        options={"number_format": style},
        warnings=tuple(warnings),
    )


def _date_in_text(look: _Look, sample: pl.Series) -> Inference | None:
    if not sample.str.contains("[0-9]").all():
        return None
    found = infer_formats(sample)
    if not found.formats:
        return None
    unread = read_instants(sample, found.formats).is_null()
    if float(unread.mean()) > 1 - _MOST_READ:  # type: ignore[arg-type]
        return None
    warnings: tuple[str, ...] = ()
    if found.is_ambiguous:
        warnings = (
            (
                f"column `{look.profile.name}`: day and month could be swapped; read as "
                f"{found.formats[0]}. Write `datetime_format` to settle it."
            ),
        )
    options = (
        {"datetime_format": found.formats[0]}
        if len(found.formats) == 1
        else {"datetime_format": list(found.formats)}
    )
    return Inference(
        "date",
        f"its texts are dates such as '{sample[0]}'",
        0.6 if warnings else 0.95,
        options=options,
        warnings=warnings,
    )


def _label_or_text(look: _Look, sample: pl.Series) -> Inference:
    n = look.profile.n_distinct
    words = float(sample.str.count_matches(r"[^\s]+").mean())  # type: ignore[arg-type]
    if words >= 4 and (look.distinct_share > 0.3 or n > 1_000):  # noqa: PLR2004 - sentences
        return Inference("text", f"its {n:,} texts have {words:.0f} words on average", 0.9)
    if look.is_all_distinct and words < 2:  # noqa: PLR2004 - single words
        return Inference(
            "category",
            "every row has its own label",
            0.8,
            exclude="it names the row and cannot generalise",
        )
    if look.distinct_share > 0.5 and n > 50:  # noqa: PLR2004 - hardly any label comes twice
        if words >= 2:  # noqa: PLR2004 - names, titles
            return Inference("text", f"hardly any of its {n:,} texts comes twice", 0.6)
        return Inference(
            "category",
            f"it holds {n:,} labels, most of them once",
            0.5,
            warnings=(
                (
                    f"column `{look.profile.name}`: most labels come once and will be unseen "
                    f"elsewhere; leave it out or set `hash_buckets`"
                ),
            ),
        )
    return Inference("category", f"it holds {n:,} labels that come again and again", 0.9)


def _no_text_output(look: _Look, found: Inference) -> Inference:
    if not look.as_output or found.type in {"number", "binary", "category"}:
        return found
    return Inference(
        "category",
        f"{found.reason}, which cannot be predicted as {found.type}",
        0.2,
        warnings=(
            (
                f"column `{look.profile.name}` looks like {found.type}; an output must be number, "
                f"binary or category"
            ),
        ),
    )
