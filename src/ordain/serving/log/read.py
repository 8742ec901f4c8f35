"""Reads a log: predictions and outcomes of a stretch of time, as frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl

from ordain.core.errors import DataError, StoreError
from ordain.serving.log.finish import PARQUET
from ordain.serving.log.place import OUTCOMES, Sink
from ordain.serving.log.rows import INPUT, META, frame_of, outcomes_of, stacked
from ordain.serving.log.rows import OUTCOMES as OUTCOME_COLUMNS
from ordain.serving.log.segment import SUFFIX, read_segment

UNIQUE = ("prediction_id", "version", "arm")
"""What a row of a log is known by: a file that was merged and not deleted counts once."""


_ATTEMPTS = 5


def read_predictions(
    sink: Sink,
    model: str,
    *,
    since: float = 0.0,
    until: float | None = None,
    inputs: Collection[str] | None = None,
) -> pl.DataFrame:
    """Return the predictions of a model, oldest first; rows still being written are there too.

    Columns: those of `META`, then ``input.<field>`` and ``output.<name>``.

    Args:
        sink: where the log is.
        model: name of the model.
        since: seconds since 1970 of the first prediction.
        until: of the last; None for all.
        inputs: fields that are read; all by default, which takes most of the time and memory.

    Raises:
        StoreError: a file or the database cannot be read.
    """
    if sink.url:
        from ordain.serving.log.database import fetch_predictions

        found = fetch_predictions(
            sink.url, model, since=since, until=until, with_inputs=inputs is None or bool(inputs)
        )
        found = found.select(_kept(found.columns, inputs))
    else:
        frames = _frames(sink, model, frame_of, since, until, inputs=inputs)
        found = stacked(list(frames), META)
    kept = found.filter(_within(since, until)).unique(UNIQUE, keep="first", maintain_order=True)
    return kept.sort("at", maintain_order=True)


def read_outcomes(sink: Sink, *, since: float = 0.0) -> pl.DataFrame:
    """Return every outcome since a moment, in the order they came; see `rows.OUTCOMES`.

    Raises:
        StoreError: a file or the database cannot be read.
    """
    if sink.url:
        from ordain.serving.log.database import fetch_outcomes

        return fetch_outcomes(sink.url, since=since).filter(_within(since, None))
    found = stacked(list(_frames(sink, OUTCOMES, outcomes_of, since, None)), OUTCOME_COLUMNS)
    kept = found.filter(_within(since, None)).unique(maintain_order=True, keep="first")
    return kept.sort("at", maintain_order=True)


def find_prediction(sink: Sink, prediction_id: str) -> pl.DataFrame:
    """Return the rows of one prediction: of the version that answered, and of shadows.

    Only the rows that fit are read, the newest hours first.

    Raises:
        StoreError: a file or the database cannot be read.
    """
    if sink.url:
        from ordain.serving.log.database import fetch_prediction

        return fetch_prediction(sink.url, prediction_id)
    is_it = pl.col("prediction_id") == prediction_id
    for model in sink.streams():
        for folder in reversed(sink.hours(model)):
            frames = []
            for path in _files(folder):
                if path.suffix == SUFFIX:
                    found = _read(path, frame_of, inputs=None)
                    frames.append(pl.DataFrame() if found is None else found.filter(is_it))
                else:
                    with contextlib.suppress(FileNotFoundError):
                        frames.append(pl.scan_parquet(path).filter(is_it).collect())
            rows = stacked(frames, META)
            if len(rows):
                return rows.unique(UNIQUE, keep="first", maintain_order=True)
    return pl.DataFrame(schema=META)


def logged_models(sink: Sink) -> list[str]:
    """Return the names of the models that have a log, sorted."""
    if sink.url:
        from ordain.serving.log.database import fetch_models

        return fetch_models(sink.url)
    return sink.streams()


def _within(since: float, until: float | None) -> pl.Expr:
    # Whole microseconds, as they are kept: a bound taken from a row holds that row.
    at = pl.col("at").dt.timestamp("us")
    after = at >= round(since * 1_000_000)
    return after if until is None else after & (at <= round(until * 1_000_000))


def _frames(
    sink: Sink,
    stream: str,
    parse: Callable[[bytes], pl.DataFrame],
    since: float,
    until: float | None,
    *,
    inputs: Collection[str] | None = None,
) -> Iterator[pl.DataFrame]:
    for folder in sink.hours(stream, since=since, until=until):
        for _ in range(_ATTEMPTS):
            frames = [_read(path, parse, inputs=inputs) for path in _files(folder)]
            # A file that is gone was merged into another, which was not there yet: look again.
            if all(frame is not None for frame in frames):
                break
        yield from (frame for frame in frames if frame is not None)


def _files(folder: Path) -> list[Path]:
    """Return the files of an hour; a segment whose columns are there already is left aside."""
    done = {path.stem for path in folder.glob(f"*{PARQUET}")}
    segments = [path for path in folder.glob(f"*{SUFFIX}") if path.stem not in done]
    return sorted([*folder.glob(f"*{PARQUET}"), *segments])


def _read(
    path: Path, parse: Callable[[bytes], pl.DataFrame], *, inputs: Collection[str] | None
) -> pl.DataFrame | None:
    """Return the rows of a file; None where another process has just finished or merged it."""
    try:
        if path.suffix == SUFFIX:
            frame = parse(read_segment(path).payload)
            return frame.select(_kept(frame.columns, inputs))
        return pl.read_parquet(path, columns=_kept(pl.read_parquet_schema(path), inputs))
    except (FileNotFoundError, StoreError) as error:
        finished = path.with_suffix(PARQUET)
        if path.suffix == SUFFIX and finished.exists():
            return pl.read_parquet(finished)
        if not path.exists():
            return None
        raise StoreError(f"{path} cannot be read: {error}") from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is damaged: {error}\n  Fix: move it out of the log") from error


def _kept(names: Iterable[str], inputs: Collection[str] | None) -> list[str]:
    """Return columns without the inputs that are not asked for."""
    return [
        name
        for name in names
        if inputs is None or not name.startswith(INPUT) or name.removeprefix(INPUT) in inputs
    ]


def columns_of(frame: pl.DataFrame, prefix: str) -> Mapping[str, str]:
    """Return field to column of a frame's inputs or outputs."""
    return {name.removeprefix(prefix): name for name in frame.columns if name.startswith(prefix)}
