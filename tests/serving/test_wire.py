from __future__ import annotations

import pytest

from ordain.config.deployment import Limits
from ordain.serving.refusal import Refusal
from ordain.serving.wire import Reader

READER = Reader(Limits(batch_rows=3, string_chars=20))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"row": null}',
        b'{"row": 3}',
        b'{"row": {"a": 1}',
        b'{"row": {"a": NaN}}',
        b'{"row": {"a": Infinity}}',
        b'{"row": {"a": 1e400}}',
        b'{"row": {"a": [1]}}',
        b'{"row": {"a": {"b": 1}}}',
        b'{"row": {"a": ' + b"[" * 100_000 + b"}}",
        b'{"row": {"a": ' + b"9" * 6_000 + b"}}",
        b'{"row": {"a": "\xff"}}',
        b'{"row": {"a": "\\ud800"}}',
        b"\xef\xbb\xbf{}",
        b'{"row": {}, "rows": []}',
        b'{"row": {}, "other": 1}',
        b'{"rows": [{}], "explain": true}',
        b'{"row": {"a": 1, "a": 2}}',
        b'{"row": {"a" : 1, "a": 2}}',
        b'{"row": {"a": 1}, "row": {"a": 2}}',
        b'{"columns": {"a": [1], "a": [2]}}',
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        READER.predict(body)
    assert refused.value.status == 400
    assert refused.value.code == "malformed"


@pytest.mark.parametrize(
    "body", [b'{"row": {"a": "' + b"x" * 21 + b'"}}', b'{"row": {"' + b"x" * 21 + b'": 1}}']
)
def test_a_text_beyond_the_limit_is_too_long(body: bytes) -> None:
    with pytest.raises(Refusal, match="a text may have at most 20 characters") as refused:
        READER.predict(body)
    assert refused.value.status == 422


def test_fields_with_texts_that_are_too_long_are_named() -> None:
    long = b'"' + b"x" * 21 + b'"'
    for body in (
        b'{"row": {"a": 1, "b": %b, "c": %b}}' % (long, long),
        b'{"columns": {"b": ["a", %b], "c": [%b, null]}}' % (long, long),
    ):
        with pytest.raises(Refusal) as refused:
            READER.predict(body)
        assert [fault["field"] for fault in refused.value.faults] == ["b", "c"]
    with pytest.raises(Refusal, match="20 characters") as refused:
        READER.predict(b'{"row": {"a": %b, "b": [[[' % long)
    assert refused.value.faults == ()


@pytest.mark.parametrize(
    "body", [b'{"rows": [{}, {}, {}, {}]}', b'{"columns": {"a": [1, 2, 3, 4]}}']
)
def test_more_rows_than_the_limit_are_too_many(body: bytes) -> None:
    with pytest.raises(Refusal, match="may have at most") as refused:
        READER.predict(body)
    assert refused.value.status == 413


def test_text_that_looks_like_a_key_is_no_second_key() -> None:
    assert READER.predict(b'{"row": {"a": "b\\":1", "c": "\\":"}}').row == {"a": 'b":1', "c": '":'}


def test_feedback_has_an_id_and_values() -> None:
    found = READER.feedback(b'{"prediction_id": "7", "values": {"churn": "Yes"}}')
    assert (found.prediction_id, found.values) == ("7", {"churn": "Yes"})
    with pytest.raises(Refusal, match="prediction_id"):
        READER.feedback(b'{"values": {}}')


def test_a_row_without_its_key_is_told_where_it_belongs() -> None:
    with pytest.raises(Refusal, match=r"`tenure`; possible: `row`, .* under `row`"):
        READER.predict(b'{"tenure": 3}')
    with pytest.raises(Refusal, match=r"`churn`; possible: `prediction_id`, `values`$"):
        READER.feedback(b'{"prediction_id": "7", "values": {}, "churn": "Yes"}')
