"""Play the callers: ask about customers, then tell the server which of them left.

The customers are the test rows of version 1, from which no version of this example has learned.

Run: python customers.py --url http://127.0.0.1:8000 --n 800
It reads the key from ORDAIN_API_KEY. The calls need the standard library only.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import json
import os
import time
import urllib.parse
from typing import Any

import polars as pl

import ordain
from ordain.data import open_source, read_table
from ordain.store.home import home

SOURCE = "dataset:modeldata/wa_churn"
INPUTS = ["tenure", "contract", "internet_service", "payment_method", "monthly_charges"]
LATER = (429, 503)


class Client:
    """One connection that stays open.

    Args:
        url: of the server.
        key: of the caller.
    """

    def __init__(self, url: str, key: str) -> None:
        place = urllib.parse.urlsplit(url)
        assert place.hostname is not None, "--url names a host"
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
        self._headers = {"Content-Type": "application/json", "X-API-Key": key}

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; where the server is full, ask again when it says.

        Raises:
            RuntimeError: the server refuses; with what it says.
        """
        while True:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            response = self._connection.getresponse()
            told: dict[str, Any] = json.load(response)
            if response.status in LATER:
                time.sleep(float(response.headers.get("Retry-After", 1)))
                continue
            if response.status >= http.client.BAD_REQUEST:
                raise RuntimeError(f"{response.status}: {told['error']}")
            return told


def customers(skip: int, count: int) -> pl.DataFrame:
    """Return customers of the test rows, with what became of them under `churn`."""
    [run] = ordain.versions("churn").filter(pl.col("version") == 1)["run"]
    tested = pl.read_parquet(home() / "runs" / run / "predictions.parquet")["row"]
    rows = read_table(open_source(SOURCE)).frame.with_row_index("customer").collect()
    return rows.filter(pl.col("customer").is_in(tested.to_list())).slice(skip, count)


def main() -> None:
    """Ask, tell what came true, and say who answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--n", type=int, default=800, help="customers who ask")
    parser.add_argument("--skip", type=int, default=0, help="customers left out; there are 1,409")
    given = parser.parse_args()
    client = Client(given.url, os.environ.get("ORDAIN_API_KEY", ""))
    answered: dict[str, collections.Counter[bool]] = {}
    for row in customers(given.skip, given.n).to_dicts():
        asked = {name: row[name] for name in INPUTS} | {"customer": row["customer"]}
        answer = client.call("/v1/models/churn/predict", {"row": asked})
        left = {"prediction_id": answer["prediction_id"], "values": {"churn": row["churn"]}}
        client.call("/v1/feedback", left)
        is_right = answer["outputs"]["churn"]["prediction"] == row["churn"]
        answered.setdefault(answer["version"], collections.Counter())[is_right] += 1
    for version, counts in sorted(answered.items()):
        share = counts[True] / counts.total()
        print(f"version {version}: {counts.total():,} customers, {share:.1%} of the answers right")


if __name__ == "__main__":
    main()
