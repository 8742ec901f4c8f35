import numpy as np
import pytest

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import StoreError


def test_arrays_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "a.safetensors"
    wide = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_arrays(path, {"wide": wide.T, "ids": np.array([3, 1])})
    found = read_arrays(path)
    assert sorted(found) == ["ids", "wide"]
    assert np.array_equal(found["wide"], wide.T)


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        write_arrays(tmp_path / name, {"b": np.ones(3), "a": np.zeros(2)})
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"no", "is damaged")])
def test_a_file_that_holds_no_arrays_is_told(tmp_path, content, said):
    path = tmp_path / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=said):
        read_arrays(path)
