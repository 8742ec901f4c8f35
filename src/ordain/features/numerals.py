r"""A raw value read as a number.

Numeric columns are taken as they are. Text is read by one of three styles:

| style | reads |
| --- | --- |
| plain | `1234.5`, `-7`, `1e3` |
| point | plain, and `1,234.5`, `1 234.5`, `$3`, `3 EUR`, `12%` (0.12), `(5)` (-5) |
| comma | `1234,5`, `1.234,5`, `1 234,5`, `€3`, `12%` (0.12), `(5)` (-5) |

Blanks at the ends never count. Words that stand for nothing (`NA`, `null`, `-` ...) are missing.
What else is not read, what is infinite, and what is too large for 32-bit floats is *unparsed*.
`read_numbers` reads a column, `number_reader` one value; they agree on every value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.labels import BLANKS

Style = Literal["plain", "point", "comma"]

NOTHING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "?", "-", "--", ".")
"""Words, in lower case, that stand for a missing number."""

LARGEST = float(np.finfo(np.float32).max)
_NAN = float("nan")
_PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$"
_WHOLE = r"^[+-]?[0-9]+$"
_MONEY = r"(?:[$€£¥₹₽₩₺₴₪฿]|USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|kr|zł)"
_SIGN = r"[+\x{2212}-]"
_GAP = r"[ \x{a0}\x{202f}]?"
_GAPS = r"[ '\x{2019}\x{a0}\x{202f}]"


def _pattern(decimal: str, group: str) -> str:
    digits = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)"
    body = rf"(?:{digits}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][+-]?[0-9]{{1,4}})?"
    plain = rf"{_SIGN}?{_GAP}{_MONEY}?{_GAP}({body}){_GAP}(?:%|{_MONEY})?"
    signed_inside = rf"{_MONEY}{_GAP}{_SIGN}({body})"
    bracketed = rf"\({_GAP}{_MONEY}?{_GAP}({body}){_GAP}(?:%|{_MONEY})?\)"
    return rf"^(?:{plain}|{signed_inside}|{bracketed})$"


_POINT = _pattern(r"\.", rf"(?:,|{_GAPS})")
_COMMA = _pattern(",", rf"(?:\.|{_GAPS})")


def _to_python(pattern: str) -> re.Pattern[str]:
    spelled = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), pattern)
    return re.compile(spelled[1:-1])


_RICH = {"point": _POINT, "comma": _COMMA}
_COMMON = {
    "point": r"^[$€£¥]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?$",
    "comma": r"^[$€£¥]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]*)?$",
}
_GROUPING = {"point": ",", "comma": "."}
_NEGATIVE = r"^[^0-9]*[\x{2212}(-]"
_NEGATIVE_PYTHON = _to_python(_NEGATIVE + "$")
_RICH_PYTHON = {style: _to_python(pattern) for style, pattern in _RICH.items()}
_PLAIN_PYTHON = re.compile(_PLAIN[1:-1])
_WHOLE_PYTHON = re.compile(_WHOLE[1:-1])


def read_numbers(column: pl.Series, *, style: Style) -> npt.NDArray[np.float64]:
    """Return float64 [N], NaN where missing or unparsed; may be a read-only view.

    >>> read_numbers(pl.Series(["7", " 1e3", "x", None]), style="plain").tolist()
    [7.0, 1000.0, nan, nan]
    >>> read_numbers(pl.Series(["1,234.5", "(5)", "12%"]), style="point").tolist()
    [1234.5, -5.0, 0.12]
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum) or dtype.is_decimal():
        # Through text: polars divides decimals by a power of ten, which rounds twice.
        style = "plain" if dtype.is_decimal() else style
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        values = _read_text(column, style)
    elif dtype.is_numeric() or dtype == pl.Boolean:
        values = column.cast(pl.Float64)
    else:
        return np.full(len(column), np.nan)
    array = values.to_numpy()
    usable = np.abs(array) <= LARGEST
    return array if usable.all() else np.where(usable, array, np.nan)


def number_reader(style: Style) -> Callable[[object], float]:
    """Return the function that reads one value; NaN where missing or unparsed."""
    read_text = _text_reader(style)

    def read(value: object) -> float:
        if isinstance(value, str):
            number = read_text(value)
        elif isinstance(value, float | int | np.floating | np.integer | np.bool_):
            number = _to_float(value)
        elif isinstance(value, Decimal):
            number = float(value) if value.is_finite() else _NAN
        else:
            return _NAN
        return number if -LARGEST <= number <= LARGEST else _NAN

    return read


def infer_style(column: pl.Series) -> tuple[Style, bool]:
    """Return the style that reads most of the distinct texts of a column, and if it is ambiguous.

    Ambiguous: both decimal signs read as much but give other numbers, as for `1,234` alone; then
    `point` is taken.
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String:
        return "plain", False
    texts = column.unique().drop_nulls().sort()
    read = {style: read_numbers(texts, style=style) for style in ("plain", "point", "comma")}
    counts = {style: int(np.isfinite(values).sum()) for style, values in read.items()}
    best = max(counts.values())
    if counts["plain"] == best:
        return "plain", False
    if counts["point"] == best:
        tied = counts["comma"] == best
        return "point", tied and not np.array_equal(read["point"], read["comma"], equal_nan=True)
    return "comma", False


def is_nothing(column: pl.Series) -> pl.Series:
    """Return True where a cell is null, NaN or a word that stands for nothing."""
    missing = column.is_null()
    if column.dtype.is_float():
        return missing | column.is_nan().fill_null(value=True)
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        words = column.str.strip_chars(BLANKS).str.to_lowercase()
        return missing | words.is_in(list(NOTHING)).fill_null(value=True)
    return missing


def _read_text(column: pl.Series, style: Style) -> pl.Series:
    text = column.str.strip_chars(BLANKS)
    if style == "plain":
        return _read_simple(text, style)
    values = _read_common(text, style)
    for read in (_read_simple, _read_rich):
        rest = (values.is_null() & text.is_not_null()).arg_true()
        if len(rest):
            values = values.scatter(rest, read(text.gather(rest), style))
    return values


def _read_simple(text: pl.Series, style: Style) -> pl.Series:
    fits = text.str.contains(_WHOLE if style == "comma" else _PLAIN)
    return (text if fits.all() else text.set(~fits, None)).cast(pl.Float64, strict=False)


def _read_common(text: pl.Series, style: Style) -> pl.Series:
    """Return the numbers of the most common rich texts.

    All of them are read by `_read_rich` too, three times as slowly.
    """
    fits = text.str.contains(_COMMON[style])
    text = (text if fits.all() else text.set(~fits, None)).str.strip_chars_start("$€£¥")
    text = text.str.replace_all(_GROUPING[style], "", literal=True)
    if style == "comma":
        text = text.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _read_rich(text: pl.Series, style: Style) -> pl.Series:
    frame = text.rename("text").to_frame()
    whole = pl.col("text")
    pattern = _RICH[style]
    body = pl.coalesce(
        whole.str.extract(pattern, 1), whole.str.extract(pattern, 2), whole.str.extract(pattern, 3)
    )
    body = body.str.replace_all(rf"{_GAPS}|{re.escape(_GROUPING[style])}", "")
    if style == "comma":
        body = body.str.replace_all(",", ".", literal=True)
    number = body.cast(pl.Float64, strict=False)
    number = pl.when(whole.str.contains("%", literal=True)).then(number / 100.0).otherwise(number)
    number = pl.when(whole.str.contains(_NEGATIVE)).then(-number).otherwise(number)
    return frame.select(number).to_series()


def _text_reader(style: Style) -> Callable[[str], float]:
    simple = (_WHOLE_PYTHON if style == "comma" else _PLAIN_PYTHON).fullmatch

    def read_simple(text: str) -> float:
        text = text.strip(BLANKS)
        return float(text) if simple(text) else _NAN

    if style == "plain":
        return read_simple
    rich = _RICH_PYTHON[style].fullmatch
    group = _GROUPING[style]

    def read(text: str) -> float:
        text = text.strip(BLANKS)
        if simple(text):
            return float(text)
        found = rich(text)
        if found is None:
            return _NAN
        body = next(part for part in found.groups() if part is not None)
        for sign in (group, *" '\u2019\xa0\u202f"):
            body = body.replace(sign, "")
        number = float(body.replace(",", ".") if style == "comma" else body)
        number = number / 100.0 if "%" in text else number
        return -number if _NEGATIVE_PYTHON.match(text) else number

    return read


def _to_float(value: float | np.floating | np.integer | np.bool_) -> float:
    try:
        return float(value)
    except OverflowError:
        return _NAN
