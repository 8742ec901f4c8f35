"""Column profiles of small frames."""

import polars as pl

from ordain.data.profile import ColumnProfile


def profiles_of(frame):
    """Return one look at each column of a frame, without a file in between."""
    return {series.name: _profile(series) for series in frame}


def _profile(series):
    present = series.drop_nulls()
    counts = (
        present.cast(pl.String)
        .value_counts(sort=True)
        .sort(["count", series.name], descending=[True, False])
    )
    return ColumnProfile(
        name=series.name,
        dtype=series.dtype,
        n_rows=len(series),
        n_missing=series.null_count(),
        n_distinct=present.n_unique(),
        sample=present.head(1000),
        top=tuple((str(label), int(count)) for label, count in counts.head(20).iter_rows()),
        least=series.min() if series.dtype.is_numeric() else None,
    )
