"""A table is parsed once: what stays in memory is kept on disk by the time it is profiled."""

from pathlib import Path

import polars as pl

from ordain.core.events import Events
from ordain.data import open_source
from ordain.pipeline.cache import Cache
from ordain.pipeline.stages import Stages
from ordain.pipeline.tables import TABLE_FILE


def read(root: Path, path: Path) -> tuple[Stages, pl.DataFrame]:
    stages = Stages(Cache(root), Events())
    table = stages.read(open_source(path), {}, seed=0)
    stages.profile(table, table.schema.names())
    return stages, table.frame.collect()


def test_table_in_memory_is_kept_by_the_time_it_is_profiled(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "t.csv")
    stages, rows = read(tmp_path / "cache", tmp_path / "t.csv")
    kept = next(a for a in stages.artefacts if a.request.stage == "read")
    assert pl.read_ipc(kept.folder / TABLE_FILE).equals(rows)


def test_table_read_again_comes_from_the_cache(frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_csv(tmp_path / "t.csv")
    _, first = read(tmp_path / "cache", tmp_path / "t.csv")
    stages, second = read(tmp_path / "cache", tmp_path / "t.csv")
    assert all(artefact.is_reused for artefact in stages.artefacts)
    assert second.equals(first)


def test_same_file_read_for_two_sets_gives_the_same_rows(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "t.csv")
    stages = Stages(Cache(tmp_path / "cache"), Events())
    first, second = (stages.read(open_source(tmp_path / "t.csv"), {}, seed=0) for _ in range(2))
    assert second.frame.collect().equals(first.frame.collect())
