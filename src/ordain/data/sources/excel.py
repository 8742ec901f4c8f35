"""Excel and OpenDocument sheets, one sheet a table.

data:
  source: {source: sales.xlsx, sheet: "2024"}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, MissingExtraError
from ordain.core.hashing import digest_bytes, digest_json
from ordain.data.fingerprint import digest_files
from ordain.data.locations import find_files
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport


@SOURCES.register
class ExcelSource(Source):
    """Excel workbooks (xlsx, xls, xlsb) and OpenDocument sheets."""

    type: Literal["excel"] = "excel"
    """Excel or OpenDocument."""
    path: str
    """File, glob or folder; relative to the folder of the config."""
    sheet: str | int | None = None
    """Name of the sheet or its place counted from one; the first unless declared."""
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """Rows to pass over before the header."""

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes and of the options."""
        files = digest_files(find_files(self.path, root=self._root))
        options = digest_json(self.model_dump(exclude={"path", "type"}))
        return digest_bytes(b"excel", files.encode(), options.encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows of the sheet, and which sheets the workbook has."""
        paths = find_files(self.path, root=self._root)
        frames: dict[str, pl.LazyFrame] = {}
        sheets: list[str] = []
        n_rows = 0
        for path in paths:
            frame, sheets = self._read(str(path), path.name)
            frames[path.name] = frame.lazy()
            n_rows += frame.height
        stacked = stack_frames(frames)
        report = ReadReport(
            source=self.path,
            format="excel",
            details={"sheet": self.sheet or sheets[0], "sheets": sheets, "files": len(paths)},
            n_rows=n_rows,
            problems=stacked.problems,
        )
        return stacked.frame, report

    def _read(self, path: str, name: str) -> tuple[pl.DataFrame, list[str]]:
        reader = _open(path, name)
        sheets: list[str] = list(reader.sheet_names)
        sheet = _choose(self.sheet, sheets, name)
        loaded = reader.load_sheet(
            sheet, header_row=self.skip_rows, schema_sample_rows=None, dtype_coercion="coerce"
        )
        frame = _frame(loaded)
        if not frame.height:
            raise DataError(f"the sheet '{sheet}' of '{name}' has no rows")
        return frame, sheets


def _open(path: str, name: str) -> Any:
    try:
        import fastexcel
    except ImportError as error:
        raise MissingExtraError.for_package(
            "fastexcel", extra="excel", purpose="reading an Excel file"
        ) from error
    try:
        return fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise DataError(
            f"'{name}' is not a workbook that can be read: {error}\n"
            "  Fix: save it again as .xlsx, without a password"
        ) from error


def _choose(sheet: str | int | None, sheets: list[str], name: str) -> str:
    if sheet is None:
        return sheets[0]
    if isinstance(sheet, int):
        if 1 <= sheet <= len(sheets):
            return sheets[sheet - 1]
    elif sheet in sheets:
        return sheet
    close = nearest(str(sheet), sheets)
    hint = f" Did you mean '{close}'?" if close else ""
    raise DataError(f"'{name}' has no sheet '{sheet}'.{hint} Sheets: {', '.join(sheets)}")


def _frame(loaded: Any) -> pl.DataFrame:
    return pl.DataFrame(loaded)
