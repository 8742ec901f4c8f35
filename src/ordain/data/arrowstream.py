"""Arrow data handed between libraries without pyarrow."""

from __future__ import annotations

from typing import Any


class ArrowStream:
    """Shows nothing of an object but its Arrow stream.

    DuckDB asks for pyarrow where it recognises a Polars frame, and Polars keeps types of DuckDB
    alive beyond their module where it recognises a relation; neither happens to a bare stream.
    """

    def __init__(self, holder: Any) -> None:
        self._holder = holder

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._holder.__arrow_c_stream__(requested_schema)
