"""The corpus of broken configs: every fault at its place, the right suggestion first."""

import functools

import polars as pl
import pytest
from column_profiles import profiles_of
from corpus import COLUMNS, NEURAL, TREES, corpus

from ordain.config import check

CORPUS = corpus()
PROFILES = profiles_of(
    pl.DataFrame(
        {
            "tenure": range(1, 41),
            "contract": ["month", "year"] * 20,
            "remarks": [f"the customer called {i} times" for i in range(40)],
            "since": [f"2024-01-{i % 28 + 1:02d}" for i in range(40)],
            "left": ["yes", "no", "no", "no"] * 10,
            "charge": [i * 1.5 for i in range(40)],
        }
    )
)


@functools.cache
def diagnose(broken):
    return check(broken.text, PROFILES if broken.needs_data else None, env={})


def found(broken):
    for diagnostic in diagnose(broken):
        place = diagnostic.place
        if (
            place
            and diagnostic.code in broken.codes
            and (place.line, place.column) == (broken.line, broken.column)
        ):
            return diagnostic
    return None


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 300
    assert len({broken.text for broken in CORPUS}) >= 0.98 * len(CORPUS)


@pytest.mark.parametrize("text", [NEURAL, TREES])
def test_the_sound_documents_are_sound(text):
    assert set(PROFILES) == set(COLUMNS)
    assert check(text, PROFILES, env={}) == []


def test_every_fault_is_found_at_its_line_and_column():
    lost = [broken.label for broken in CORPUS if found(broken) is None]
    assert not lost, f"{len(lost)} of {len(CORPUS)}: {lost}"


def test_the_right_suggestion_comes_first_in_95_of_100():
    asked = [broken for broken in CORPUS if broken.suggestion]
    wrong = []
    for broken in asked:
        diagnostic = found(broken)
        said = (
            f"{diagnostic.fix or ''}\n{diagnostic.allowed or ''}"
            if diagnostic and diagnostic.code in {"E202", "E204"}
            else (diagnostic and diagnostic.fix) or ""
        )
        first = diagnostic.fix if diagnostic and diagnostic.code == "E204" else said
        if broken.suggestion not in (first or ""):
            wrong.append(f"{broken.label}: {diagnostic and diagnostic.fix}")
    assert len(wrong) <= 0.05 * len(asked), f"{len(wrong)} of {len(asked)}: {wrong}"


def test_one_fault_is_told_in_at_most_three_diagnostics():
    noisy = {broken.label: len(diagnose(broken)) for broken in CORPUS}
    assert not {label: n for label, n in noisy.items() if n > 3}
