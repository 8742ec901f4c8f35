import numpy as np
import polars as pl
from formula_subjects import number_of, subject_by

from ordain.evaluation.explain.neighbours import nearest_rows


def rows(**columns):
    frame = pl.DataFrame(columns)
    types = {name: "category" if name == "kind" else "text" if name == "words" else "number"
             for name in columns}  # fmt: skip
    first = next(iter(types))
    return subject_by(
        frame, types,
        lambda inputs: number_of(inputs, first) if types[first] == "number"
        else np.zeros(len(inputs[first])),
    )  # fmt: skip


def test_the_same_row_is_nearest():
    known = rows(size=[1.0, 5.0, 9.0], kind=["a", "b", "c"])
    found = nearest_rows(known, known, 1, output="y", n_rows=3)
    assert found[0].row == 1
    assert found[0].distance == 0
    assert found[0].truth == 5.0
    assert found[0].values == {"size": 5.0, "kind": "b"}


def test_inputs_count_by_their_weight():
    known = rows(size=[1.0, 1.0, 9.0], kind=["b", "b", "a"])
    given = rows(size=[1.0], kind=["a"])
    by_size = nearest_rows(known, given, 0, output="y", n_rows=1, weights={"size": 1.0})
    by_kind = nearest_rows(known, given, 0, output="y", n_rows=1, weights={"kind": 1.0})
    assert by_size[0].row == 0
    assert by_kind[0].row == 2


def test_texts_are_near_that_share_their_words():
    known = rows(words=["good good", "bad the", "a a"])
    given = rows(words=["the bad bad"])
    assert nearest_rows(known, given, 0, output="y", n_rows=1)[0].row == 1


def test_asking_for_more_than_there_are_gives_all():
    known = rows(size=[1.0, 2.0])
    assert len(nearest_rows(known, known, 0, output="y", n_rows=9)) == 2
