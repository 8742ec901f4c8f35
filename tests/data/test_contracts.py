"""What every source and every splitter keeps, built from the keys a user writes."""

from __future__ import annotations

import polars as pl
import pytest
import yaml

from ordain.data import SOURCES, SPLITTERS, open_source, read_table

SPLITS = {
    "datetime": {"column": "t"},
    "fixed": {},
    "group": {"column": "g"},
    "hash": {"column": "g"},
    "random": {},
    "stratify": {"column": "c"},
}
SOURCE_KEYS = {
    "dataset": {"name": "iris"},
    "frame": {},
    "remote": {"url": "https://h/a.csv"},
    "sql": {"url": "sqlite:///a.db", "table": "t"},
}


@pytest.fixture(scope="module")
def table():
    n = 200
    frame = pl.DataFrame(
        {
            "t": [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(n)],
            "split": ["train", "train", "validation", "test"] * (n // 4),
            "g": [f"g{i % 40}" for i in range(n)],
            "c": ["x", "y", None, "x"] * (n // 4),
        }
    )
    return read_table(open_source(frame))


def test_every_splitter_is_covered():
    assert set(SPLITTERS.names()) == set(SPLITS)


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_splitter_survives_yaml_and_repeats_itself(name, table):
    splitter = SPLITTERS.build({"type": name, **SPLITS[name]})
    again = SPLITTERS.build(yaml.safe_load(yaml.safe_dump(splitter.model_dump(mode="json"))))
    assert again == splitter
    first, second = (one.assign(table, seed=7).sets for one in (splitter, again))
    assert first.equals(second)
    assert first.dtype.categories.to_list()[:3] == ["train", "validation", "test"]
    assert set(first.drop_nulls().to_list()) == {"train", "validation", "test"}
    assert set(splitter.columns()) <= set(table.schema)


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_splitter_facts_are_plain_json(name, table):
    facts = SPLITTERS.build({"type": name, **SPLITS[name]}).assign(table, seed=0).facts
    assert yaml.safe_load(yaml.safe_dump(facts)) == facts


@pytest.mark.parametrize("name", SOURCES.names())
def test_source_survives_yaml(name):
    source = SOURCES.build({"type": name, **SOURCE_KEYS.get(name, {"path": "a"})})
    assert SOURCES.build(yaml.safe_load(yaml.safe_dump(source.model_dump(mode="json")))) == source


@pytest.mark.parametrize("registry", [SOURCES, SPLITTERS])
def test_every_key_is_described(registry):
    for name in registry.names():
        described = registry.get(name).field_descriptions()
        for key in registry.get(name).model_fields:
            assert described.get(key), f"{name}.{key}"
