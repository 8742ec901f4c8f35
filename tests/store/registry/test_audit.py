from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.errors import UsageError
from ordain.store.registry.audit import (
    AuditLine,
    holders,
    line_of,
    lines_of,
    settled,
    tag_of,
)


def moved(version: int, previous: int | None, *, action: str = "promote") -> AuditLine:
    return line_of(action, "churn", version=version, alias="champion", previous=previous)


def stack(lines: list[AuditLine], held: int | None) -> list[int]:
    aliases = {} if held is None else {"champion": held}
    return holders(settled(lines, aliases), "champion", held)


def test_lines_come_back_in_order_whole() -> None:
    lines = [moved(1, None), moved(2, 1), line_of("canary halted", "churn", version=3, why="slow")]
    tags = dict(map(tag_of, lines))
    assert lines_of({**tags, "team": "risk", "ordain.audit.x": "not JSON"}) == lines
    assert max(map(len, tags.values())) < 5_000


def test_line_stays_within_what_a_tag_holds() -> None:
    failed = [f"{place} {'x' * 400}" for place in range(40)]
    line = line_of("promote", "churn", version=1, why="é" * 2_000, failed=failed, is_forced=True)
    assert len(tag_of(line)[1]) < 5_000
    assert line.failed[-1] == "and 30 more"
    with pytest.raises(UsageError, match=r"2,001 characters; at most 2,000"):
        line_of("promote", "churn", why="x" * 2_001)


def test_holders_are_those_that_were_promoted() -> None:
    assert stack([moved(1, None), moved(2, 1), moved(5, 2)], 5) == [1, 2, 5]


def test_rollback_takes_its_holder_away() -> None:
    lines = [moved(1, None), moved(2, 1), moved(3, 2), moved(2, 3, action="rollback")]
    assert stack(lines, 2) == [1, 2]
    assert stack([*lines, moved(1, 2, action="rollback")], 1) == [1]
    assert stack([*lines, moved(4, 2)], 4) == [1, 2, 4]


def test_line_whose_change_never_came_does_not_count() -> None:
    lines = [moved(1, None), moved(2, 1), moved(3, 2)]
    assert stack(lines, 2) == [1, 2]
    assert [line.is_done for line in settled(lines, {"champion": 2})] == [True, True, False]
    assert stack([moved(1, None), moved(2, 1), moved(3, 1)], 3) == [1, 3]


def test_alias_that_somebody_else_moved_is_seen() -> None:
    assert stack([moved(1, None), moved(2, 1)], 7) == [1, 2, 7]
    assert stack([moved(1, None), moved(6, 5)], 6) == [1, 5, 6]
    assert stack([], 4) == [4]
    assert stack([], None) == []


def test_other_aliases_do_not_count() -> None:
    other = line_of("promote", "churn", version=9, alias="challenger")
    assert stack([moved(1, None), other, moved(2, 1)], 2) == [1, 2]


@given(st.lists(st.one_of(st.integers(1, 5), st.none()), max_size=30))
def test_holders_are_a_stack(moves: list[int | None]) -> None:
    """A number promotes it, None rolls back."""
    lines: list[AuditLine] = []
    expected: list[int] = []
    for version in moves:
        held = expected[-1] if expected else None
        if version is not None and version != held:
            lines.append(moved(version, held))
            expected.append(version)
        elif version is None and len(expected) > 1:
            expected.pop()
            lines.append(moved(expected[-1], held, action="rollback"))
    assert stack(lines, expected[-1] if expected else None) == expected
