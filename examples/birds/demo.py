"""Train one config as two families, compare them, predict three rows.

Run: make demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

import ordain
from ordain.cli.console import print_table, seconds
from ordain.cli.progress import progress
from ordain.cli.results import comparison
from ordain.data import open_source, read_table

CONFIG = Path(__file__).parent / "birds.yaml"
SHOWN = ["phase_of_flt", "remarks", "height", "speed"]


def main() -> None:
    """Train, compare, predict, and say where the report is."""
    results = {}
    for family in ("gbm", "neural"):
        print(f"\nordain train {CONFIG.name} -o model_type={family}")
        with progress(quiet=not sys.stderr.isatty()) as listener:
            config = ordain.Config.load(CONFIG, overrides=[f"model_type={family}"])
            results[family] = ordain.train(config, listeners=(listener,))
        result = results[family]
        for title, columns, rows, best in comparison(result.metrics, result.baselines):
            rows[0][0] = family
            print_table(columns, rows, title=title, bold=best)
        print(f"{result.verdict}  ({seconds(sum(result.seconds.values()))})")
    show_predictions(results["gbm"])
    for family, result in results.items():
        print(f"report of {family:7} {result.report}")


def show_predictions(result: ordain.Result) -> None:
    """Print what the model says of three reports beside what was so."""
    rows = read_table(open_source("dataset:openintro/birds")).frame.collect()
    rows = rows.drop_nulls(["phase_of_flt", "remarks", "height"]).gather([7, 1200, 9000])
    answers = result.model().predict(rows)
    name = "phase_of_flt"
    table = pl.concat([rows.select(SHOWN), answers], how="horizontal")
    print_table(
        ["prediction", "probability", "truth", "height", "remarks"],
        [
            [
                row[f"{name}_prediction"],
                row[f"{name}_probability"],
                row[name],
                row["height"],
                (row["remarks"] or "")[:60],
            ]
            for row in table.iter_rows(named=True)
        ],
        title="Three predictions",
    )


if __name__ == "__main__":
    main()
