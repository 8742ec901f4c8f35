import polars as pl
import pytest

from ordain.core.errors import BundleError
from ordain.features.feature import Form
from ordain.features.number import NumberFeature
from ordain.features.store import ARRAYS_FILE, JSON_FILE, load_encodings, save_encodings
from ordain.features.text import TextFeature


@pytest.fixture
def encodings():
    number = NumberFeature().settle(Form.DENSE)[0].fit(pl.Series("n", [1.0, None]), seed=0)
    text = TextFeature().settle(Form.LINEAR)[0].fit(pl.Series("t", ["a cat", "a dog"]), seed=0)
    return {"n": number, "t/x y": text}


def test_loading_gives_what_was_saved(encodings, tmp_path):
    save_encodings(tmp_path, encodings)
    loaded = load_encodings(tmp_path)
    assert loaded.keys() == encodings.keys()
    for name, encoding in encodings.items():
        assert loaded[name].model_dump() == encoding.model_dump()
        assert loaded[name].arrays.keys() == encoding.arrays.keys()
        for key, array in encoding.arrays.items():
            assert loaded[name].arrays[key].tobytes() == array.tobytes()


def test_same_encodings_give_the_same_bytes(encodings, tmp_path):
    for folder in ("a", "b"):
        save_encodings(tmp_path / folder, encodings)
    for file in (JSON_FILE, ARRAYS_FILE):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_missing_arrays_are_an_error(encodings, tmp_path):
    save_encodings(tmp_path, encodings)
    (tmp_path / ARRAYS_FILE).unlink()
    with pytest.raises(BundleError, match="lacks the arrays"):
        load_encodings(tmp_path)


def test_unknown_type_is_an_error(tmp_path):
    (tmp_path / JSON_FILE).write_text('{"x": {"type": "numbr"}}')
    with pytest.raises(BundleError, match="Did you mean 'number'"):
        load_encodings(tmp_path)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(BundleError, match="No such file"):
        load_encodings(tmp_path)
