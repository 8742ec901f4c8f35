"""JSON in and out: bodies are read into the shapes below and nothing else.

The reader knows the shape before it reads: a cell is a scalar, so that a body of any depth ends at
its fourth bracket; texts, names and rows have a longest. What it cannot
hold (`NaN`, `1e400`, broken UTF-8, a lone surrogate) is malformed, and so is an object that has a
key twice, which most readers pass over.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from ordain.config.deployment import Limits
from ordain.serving.refusal import Refusal

encode = msgspec.json.Encoder().encode
_TOO_LONG = "of length <="
_UNKNOWN = "contains unknown field"
_N_FORMS = 3


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """A request to predict: exactly one of `row`, `rows` and `columns`."""

    row: Mapping[str, Any] | UnsetType = UNSET
    rows: Sequence[Mapping[str, Any]] | UnsetType = UNSET
    columns: Mapping[str, Sequence[Any]] | UnsetType = UNSET
    explain: bool | UnsetType = UNSET


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """What came true of a prediction: its id, and the truth by output."""

    prediction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    values: dict[str, bool | int | float | str | None]


class Reader:
    """Reads bodies of JSON within limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        text = Annotated[str, msgspec.Meta(max_length=limits.string_chars)]
        cell = None | bool | int | float | text
        row = dict[text, cell]
        most = msgspec.Meta(max_length=limits.batch_rows)
        body = msgspec.defstruct(
            "Body",
            [
                ("row", row | UnsetType, UNSET),
                ("rows", Annotated[list[row], most] | UnsetType, UNSET),
                ("columns", dict[text, Annotated[list[cell], most]] | UnsetType, UNSET),
                ("explain", bool | UnsetType, UNSET),
            ],
            bases=(PredictBody,),
            forbid_unknown_fields=True,
            gc=False,
        )
        self._predict: Callable[[bytes], Any] = msgspec.json.Decoder(body).decode
        self._feedback: Callable[[bytes], Any] = msgspec.json.Decoder(FeedbackBody).decode

    def predict(self, body: bytes) -> PredictBody:
        """Return a request to predict.

        Raises:
            Refusal: it is malformed or too large.
        """
        found: PredictBody = self._read(self._predict, body, PredictBody)
        given = (found.row is UNSET) + (found.rows is UNSET) + (found.columns is UNSET)
        if given != _N_FORMS - 1:
            raise Refusal.malformed("the body must hold exactly one of `row`, `rows` and `columns`")
        if found.row is UNSET and found.explain is not UNSET:
            raise Refusal.malformed("`explain` goes with one `row`")
        # Each key has its colon, so that another count says to look closely.
        if body.count(b":") != _n_keys(found):
            refuse_repeated(body)
        return found

    def feedback(self, body: bytes) -> FeedbackBody:
        """Return an outcome.

        Raises:
            Refusal: it is malformed.
        """
        found: FeedbackBody = self._read(self._feedback, body, FeedbackBody)
        refuse_repeated(body)
        return found

    def _read(
        self, decode: Callable[[bytes], Any], body: bytes, shape: type[msgspec.Struct]
    ) -> Any:
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            told = str(error)
            if _TOO_LONG not in told:
                said = f"the body cannot be read: {_public(error, shape)}"
                raise Refusal.malformed(said) from error
            if "`str`" in told:
                raise _too_long(body, int(told.partition(_TOO_LONG)[2].split()[0])) from error
            raise Refusal.too_large(
                "a request", limit=self._limits.batch_rows, unit="rows"
            ) from error


def _public(error: Exception, shape: type[msgspec.Struct]) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    told = str(error)
    if _UNKNOWN not in told:
        return told
    possible = ", ".join(f"`{name}`" for name in shape.__struct_fields__)
    within = ' (a row stands under `row`: {"row": {...}})' if shape is PredictBody else ""
    return f"{told}; possible: {possible}{within}"


def _too_long(body: bytes, most: int) -> Refusal:
    """Return the refusal of a body with texts beyond the limit, which names their fields."""
    found: dict[str, None] = {}

    def look(pairs: list[tuple[str, Any]]) -> None:
        for name, value in pairs:
            values = value if isinstance(value, list) else [value]
            if max(map(_chars, [name, *values])) > most:
                found[name[:60]] = None

    with contextlib.suppress(ValueError, RecursionError):  # what follows may be malformed
        json.loads(body, object_pairs_hook=look)
    said = f"a text may have at most {most:,} characters"
    faults = [{"field": name, "code": "too_long", "message": f"`{name}`: {said}"} for name in found]
    return Refusal(422, "too_long", said, faults=faults)


def _chars(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _n_keys(body: PredictBody) -> int:
    """Return how many keys an object with these parts has, if none stands twice."""
    if not isinstance(body.row, UnsetType):
        inside = len(body.row)
    elif not isinstance(body.rows, UnsetType):
        inside = sum(map(len, body.rows))
    else:
        inside = 0 if isinstance(body.columns, UnsetType) else len(body.columns)
    return 1 + inside + (body.explain is not UNSET)


def refuse_repeated(body: bytes) -> None:
    """Read again, slowly, with an eye on keys that stand twice.

    Raises:
        Refusal: one does.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            names = [name for name, _ in found]
            twice = next(name for name in names if names.count(name) > 1)
            raise Refusal.malformed(f"the body has the key '{twice[:60]}' twice")
        return made

    # Numbers stay texts: of one with too many digits Python would make none.
    json.loads(body, object_pairs_hook=pairs, parse_int=str, parse_float=str)
