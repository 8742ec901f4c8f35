from pathlib import Path

import numpy as np
import pytest

from ordain.features.encoded import EncodedColumn, Kind

STATUS = Path("/proc/self/status")


def mapped_bytes() -> int:
    """Return how much of mapped files this process holds in memory."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) * 1024


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell what a process holds")
def test_a_released_column_reads_the_same_and_holds_no_memory(tmp_path):
    values = np.arange(4 << 20, dtype=np.float32)[:, None]
    EncodedColumn(Kind.SCALAR, values).save(tmp_path)
    column = EncodedColumn.load(tmp_path, Kind.SCALAR)
    total = float(column.values.sum())
    held = mapped_bytes()
    column.rows(5, 9).release()
    assert mapped_bytes() < held - values.nbytes // 2
    assert float(column.values.sum()) == total


def test_a_column_in_memory_is_released_without_loss():
    column = EncodedColumn(Kind.INDEX, np.arange(3, dtype=np.int32))
    column.release()
    assert column.values.tolist() == [0, 1, 2]
