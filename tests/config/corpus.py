"""Broken configs whose truth is known: where the fault is, and what mends it.

Two sound documents are broken one change at a time. Places come from PyYAML's own marks, not from
the code under test. Every break is deterministic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml as pyyaml

NEURAL = """\
version: 1
name: churn
seed: 7
data:
  source: telco.csv
  where: tenure > 0
  sample: 0.9
preprocessing:
  split:
    type: random
    probabilities: [0.7, 0.1, 0.2]
  sample_ratio: 0.5
defaults:
  number:
    preprocessing:
      normalization: zscore
input_features:
  - name: tenure
    type: number
    preprocessing:
      missing_value_strategy: fill_with_mean
      outlier_strategy: clip
      outlier_threshold: 3.5
  - name: contract
    type: category
    encoder:
      type: embed
      embedding_size: 8
      dropout: 0.1
  - name: notes
    type: text
    column: remarks
    encoder:
      type: parallel_cnn
      num_filters: 32
      filter_size: 3
      activation: relu
  - name: since
    type: date
output_features:
  - name: left
    type: binary
    class_weights: balanced
  - name: charge
    type: number
    loss:
      type: mean_absolute_error
      weight: 0.5
    decoder:
      type: regressor
      num_fc_layers: 1
model_type: neural
combiner:
  type: concat
  num_fc_layers: 2
  output_size: 64
trainer:
  epochs: 20
  batch_size: 128
  learning_rate: 0.001
  early_stop: 5
  optimizer:
    type: adamw
    weight_decay: 0.01
  learning_rate_scheduler:
    type: cosine
    warmup_fraction: 0.1
evaluation:
  metrics: [roc_auc, accuracy]
  baselines: true
backend:
  device: cpu
  precision: float32
"""

TREES = """\
# A config in short forms.
name: churn
preprocessing: {split: {type: stratify, column: left}, oversample_minority: 0.5}
input_features:
  tenure: number
  contract: {type: category, preprocessing: {most_common: 50}}
  charge: {type: number, preprocessing: {normalization: null, missing_value_strategy: keep}}
output_features:
  left: binary
model_type: gbm
trainer: {num_leaves: 15, learning_rate: 0.05, num_boost_round: 50, early_stop: 10}
backend: {threads: 1}
"""

_SPLIT = TREES.splitlines()[2]
COLUMNS = ("tenure", "contract", "remarks", "since", "left", "charge")


@dataclass(frozen=True)
class Broken:
    """One broken document.

    Attributes:
        codes: any of these is right.
        line, column: of the fault.
        suggestion: what the fix (or, for a misplaced key, the sentence on its home) must hold;
            empty where there is nothing to suggest.
        needs_data: whether only the data shows the fault.
    """

    label: str
    text: str
    codes: tuple[str, ...]
    line: int
    column: int
    suggestion: str = ""
    needs_data: bool = False


def corpus() -> list[Broken]:
    """Return every broken document."""
    return [
        *_misspelled_keys(),
        *_misspelled_values(),
        *_wrong_types(),
        *_out_of_range(),
        *_misplaced(),
        *_missing_columns(),
        *_duplicates(),
        *_missing_keys(),
        *_crossed(),
        *_torn(),
    ]


def _misspell(word: str, how: int) -> str:
    """Return a word with one slip of the fingers in its middle."""
    at = max(1, len(word) // 2 - how % 2)
    slips = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at < len(word) else word + "x",
        word[:at] + ("q" if word[at : at + 1] != "q" else "w") + word[at + 1 :],
    )
    return next(s for s in (*slips[how % 4 :], *slips, word + "x") if s != word)


def _keys(text: str) -> Iterator[tuple[tuple[str | int, ...], pyyaml.Node, pyyaml.Node]]:
    def walk(node, path):
        if isinstance(node, pyyaml.MappingNode):
            for key, value in node.value:
                yield (*path, key.value), key, value
                yield from walk(value, (*path, key.value))
        elif isinstance(node, pyyaml.SequenceNode):
            for index, item in enumerate(node.value):
                yield from walk(item, (*path, index))

    yield from walk(pyyaml.compose(text, pyyaml.SafeLoader), ())


def _swap(text: str, node: pyyaml.Node, new: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start] + new + text[end:]


def _place(node: pyyaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _dotted(path) -> str:
    return ".".join(map(str, path))


_FREE = {
    ("defaults", "number"),
    ("input_features", "tenure"),
    ("input_features", "contract"),
    ("input_features", "charge"),
    ("output_features", "left"),
}


def _misspelled_keys() -> Iterator[Broken]:
    for base, slips in ((NEURAL, (0, 1, 2)), (TREES, (0, 2, 3))):
        for path, key, _ in _keys(base):
            if path in _FREE and path[0] != "defaults":
                continue
            for how in slips:
                wrong = _misspell(key.value, how)
                yield Broken(
                    f"key {_dotted(path)} as {wrong}",
                    _swap(base, key, wrong),
                    ("E201",),
                    *_place(key),
                    suggestion=f"{key.value}:",
                )


_WORDS = {
    "type",
    "normalization",
    "missing_value_strategy",
    "outlier_strategy",
    "activation",
    "model_type",
    "device",
    "precision",
    "class_weights",
}


def _misspelled_values() -> Iterator[Broken]:
    for base in (NEURAL, TREES):
        for path, key, value in _keys(base):
            if (
                key.value not in _WORDS
                or not isinstance(value, pyyaml.ScalarNode)
                or value.value == "null"
            ):
                continue
            for how in (0, 2) if len(value.value) > 3 else (1,):
                wrong = _misspell(value.value, how)
                yield Broken(
                    f"value {_dotted(path)} = {wrong}",
                    _swap(base, value, wrong),
                    ("E203", "E204", "E205"),
                    *_place(value),
                    suggestion=value.value,
                )
    for metric in ("roc_auc", "accuracy"):
        wrong = _misspell(metric, 2)
        text = NEURAL.replace(metric, wrong)
        line = NEURAL[: NEURAL.index(metric)].count("\n") + 1
        column = NEURAL.splitlines()[line - 1].index(metric) + 1
        yield Broken(f"metric {wrong}", text, ("E204",), line, column, suggestion=metric)
    for short, right in (("tenure: numbr", "number"), ("left: binray", "binary")):
        name = short.partition(":")[0]
        text = re.sub(rf"^  {name}: \w+$", f"  {short}", TREES, flags=re.MULTILINE)
        line = next(i for i, row in enumerate(text.splitlines(), 1) if row == f"  {short}")
        yield Broken(f"short form {short}", text, ("E204",), line, len(name) + 5, suggestion=right)


_WRONG = {
    "text": (
        "seed",
        "sample_ratio",
        "outlier_threshold",
        "embedding_size",
        "dropout",
        "num_filters",
        "filter_size",
        "weight",
        "num_fc_layers",
        "output_size",
        "epochs",
        "learning_rate",
        "weight_decay",
        "warmup_fraction",
        "num_leaves",
        "num_boost_round",
        "threads",
        "most_common",
        "oversample_minority",
        "baselines",
    ),
    "list": (
        "seed",
        "name",
        "embedding_size",
        "epochs",
        "device",
        "num_leaves",
        "where",
        "column",
        "batch_size",
        "activation",
    ),
    "number": ("name", "where", "device", "column", "normalization"),
    "scalar": (
        "data",
        "preprocessing",
        "trainer",
        "backend",
        "evaluation",
        "split",
        "encoder",
        "optimizer",
        "combiner",
        "defaults",
    ),
}


def _wrong_types() -> Iterator[Broken]:
    written = {"text": "plenty", "list": "[1, 2]", "number": "5", "scalar": "7"}
    for base in (NEURAL, TREES):
        for path, key, value in _keys(base):
            for kind, names in _WRONG.items():
                if key.value not in names:
                    continue
                is_block = not isinstance(value, pyyaml.ScalarNode)
                if is_block != (kind == "scalar"):
                    continue
                if kind == "list" and _dotted(path) == "preprocessing.split.column":
                    continue  # it may be a list
                new = written[kind] + ("\n" if is_block and value.flow_style is not True else "")
                text = _swap(base, value, new)
                place = _place(value)
                if is_block and value.flow_style is not True:
                    line = base.splitlines()[key.start_mark.line]
                    text = (
                        base[: key.end_mark.index]
                        + ": 7\n"
                        + base[value.end_mark.index - value.end_mark.column :]
                    )
                    place = key.start_mark.line + 1, len(line.rstrip()) + 2
                yield Broken(f"{kind} for {_dotted(path)}", text, ("E203", "E204", "E205"), *place)


_OUTSIDE = {
    "seed": "-1",
    "sample_ratio": "1.5",
    "outlier_threshold": "-2",
    "embedding_size": "0",
    "dropout": "1.5",
    "num_filters": "0",
    "filter_size": "-3",
    "epochs": "0",
    "batch_size": "-4",
    "num_fc_layers": "-1",
    "output_size": "0",
    "learning_rate": "-0.1",
    "weight_decay": "-1",
    "num_leaves": "1",
    "num_boost_round": "0",
    "oversample_minority": "2",
    "most_common": "0",
}


def _out_of_range() -> Iterator[Broken]:
    for base in (NEURAL, TREES):
        for path, key, value in _keys(base):
            if key.value in _OUTSIDE and isinstance(value, pyyaml.ScalarNode):
                yield Broken(
                    f"{_dotted(path)} = {_OUTSIDE[key.value]}",
                    _swap(base, value, _OUTSIDE[key.value]),
                    ("E206", "E210"),
                    *_place(value),
                )


_AWAY = (
    # after this line, this line, what the sentence on its home must hold
    ("seed: 7", "epochs: 3", "trainer.epochs"),
    ("seed: 7", "batch_size: 32", "trainer.batch_size"),
    ("seed: 7", "learning_rate: 0.1", "trainer.learning_rate"),
    ("seed: 7", "split: {type: random}", "preprocessing.split"),
    ("seed: 7", "sample_size: 10", "preprocessing.sample_size"),
    ("seed: 7", "metrics: [roc_auc]", "evaluation.metrics"),
    ("seed: 7", "device: cpu", "backend.device"),
    ("seed: 7", "source: a.csv", "data.source"),
    ("seed: 7", "where: a > 1", "data.where"),
    ("seed: 7", "threads: 2", "backend.threads"),
    ("  source: telco.csv", "  split: {type: random}", "preprocessing.split"),
    ("  source: telco.csv", "  epochs: 4", "trainer.epochs"),
    ("  source: telco.csv", "  input_features: all", "the top of the document"),
    ("  epochs: 20", "  device: cpu", "backend.device"),
    ("  epochs: 20", "  metrics: [roc_auc]", "evaluation.metrics"),
    ("  epochs: 20", "  seed: 3", "the top of the document"),
    ("  epochs: 20", "  combiner: concat", "the top of the document"),
    ("  epochs: 20", "  num_leaves: 31", "where `model_type` is `gbm`"),
    ("  epochs: 20", "  weight_decay: 0.1", "trainer.optimizer"),
    ("  sample_ratio: 0.5", "  where: a > 1", "data.where"),
    (
        "  sample_ratio: 0.5",
        "  probabilities: [0.7, 0.1, 0.2]",
        "preprocessing.split.probabilities",
    ),
    ("  device: cpu", "  epochs: 3", "trainer.epochs"),
    ("  device: cpu", "  learning_rate: 0.2", "trainer.learning_rate"),
    ("  baselines: true", "  device: cpu", "backend.device"),
    ("    type: random", "    sample_size: 5", "preprocessing.sample_size"),
    ("    type: random", "    seed: 4", "the top of the document"),
    ("      outlier_strategy: clip", "      embedding_size: 4", "encoder"),
    ("      outlier_strategy: clip", "      num_filters: 4", "encoder"),
    ("      outlier_strategy: clip", "      column: x", "of a feature"),
    ("      embedding_size: 8", "      missing_value_strategy: keep", "preprocessing"),
    ("      embedding_size: 8", "      num_filters: 4", "of type `parallel_cnn`"),
    ("      num_filters: 32", "      max_sequence_length_of: 4", ""),
    ("  output_size: 64", "  epochs: 5", "trainer.epochs"),
    ("    type: adamw", "    epochs: 5", "trainer.epochs"),
    ("    column: remarks", "    class_weights: balanced", "output_features"),
    ("    class_weights: balanced", "    threads: 5", "backend.threads"),
)


def _misplaced() -> Iterator[Broken]:
    for after, line, home in _AWAY:
        rows = NEURAL.splitlines()
        at = rows.index(after) + 1
        text = "\n".join([*rows[:at], line, *rows[at:]]) + "\n"
        column = len(line) - len(line.lstrip()) + 1
        yield Broken(
            f"{line.strip()} after {after.strip()}", text, ("E201", "E202"), at + 1, column, home
        )


def _missing_columns() -> Iterator[Broken]:
    for path, _, value in _keys(NEURAL):
        is_name = path[-1] == "name" and len(path) == 3 and value.value != "notes"
        if is_name or path[-1] == "column":
            for how in (0, 1, 2, 3):
                wrong = _misspell(value.value, how)
                code = "E403" if path[0] == "output_features" else "E401"
                yield Broken(
                    f"column {wrong}",
                    _swap(NEURAL, value, wrong),
                    (code,),
                    *_place(value),
                    suggestion=value.value,
                    needs_data=True,
                )
    for how in (0, 1, 2):
        wrong = _misspell("left", how)
        text = TREES.replace("column: left", f"column: {wrong}")
        yield Broken(
            f"split by {wrong}",
            text,
            ("E401",),
            3,
            _SPLIT.index("column: ") + 9,
            suggestion="left",
            needs_data=True,
        )


def _duplicates() -> Iterator[Broken]:
    rows = NEURAL.splitlines()
    for index, row in enumerate(rows):
        match = re.fullmatch(r"( *)(\w+): \S.*", row)
        if match and index % 3 == 0:
            text = "\n".join([*rows[: index + 1], row, *rows[index + 1 :]]) + "\n"
            yield Broken(f"twice {row.strip()}", text, ("E103",), index + 2, len(match[1]) + 1)
    for name in ("tenure", "since"):
        text = NEURAL.replace(
            "output_features:", f"  - name: {name}\n    type: number\noutput_features:"
        )
        line = NEURAL[: NEURAL.index("output_features:")].count("\n") + 1
        yield Broken(f"two features {name}", text, ("E301",), line, 11)


def _missing_keys() -> Iterator[Broken]:
    for section in ("input_features", "output_features"):
        text = re.sub(rf"(?ms)^{section}:\n(?:[ -].*?\n)+", "", TREES)
        yield Broken(f"no {section}", text, ("E207",), 2, 1, suggestion=section)
    text = NEURAL.replace("  - name: since\n    type: date\n", "  - type: date\n")
    line = text.splitlines().index("  - type: date") + 1
    yield Broken("a feature without a name", text, ("E207",), line, 5, suggestion="name")
    text = NEURAL.replace("    type: adamw\n", "")
    line = text.splitlines().index("  optimizer:") + 1
    yield Broken("an optimizer without a type", text, ("E209",), line, 3, suggestion="type")


def _crossed() -> Iterator[Broken]:
    def row_of(text, row):
        return text.splitlines().index(row) + 1

    text = TREES.replace("  tenure: number", "  left: number\n  tenure: number")
    yield Broken("an output among the inputs", text, ("E302",), 5, 3)
    text = NEURAL.replace("[0.7, 0.1, 0.2]", "[0.7, 0.2, 0.2]")
    yield Broken("shares above 1", text, ("E303", "E210"), 11, 20)
    text = NEURAL.replace("  - name: left\n    type: binary", "  - name: left\n    type: text")
    yield Broken("text as output", text, ("E304",), row_of(text, "  - name: left") + 1, 11)
    text = NEURAL.replace(
        "      type: parallel_cnn\n      num_filters: 32\n      filter_size: 3\n"
        "      activation: relu\n",
        "      type: onehot\n",
    )
    yield Broken("onehot for text", text, ("E305",), row_of(text, "      type: onehot"), 13)
    text = NEURAL.replace("      type: mean_absolute_error", "      type: softmax_cross_entropy")
    yield Broken(
        "a loss of classes for a number",
        text,
        ("E307",),
        row_of(text, "      type: softmax_cross_entropy"),
        13,
    )
    text = TREES.replace("model_type: gbm", "model_type: gbm\ncombiner: concat")
    yield Broken("a combiner for trees", text, ("E308",), row_of(text, "combiner: concat"), 1)
    text = TREES.replace("tenure: number", "tenure: {type: number, encoder: dense}")
    yield Broken("an encoder for trees", text, ("E308",), 5, 26)
    text = TREES.replace(
        "oversample_minority: 0.5", "oversample_minority: 0.5, undersample_majority: 0.5"
    )
    yield Broken("balancing both ways", text, ("E309",), 3, len(_SPLIT) + 2)
    text = TREES.replace("  left: binary", "  left: binary\n  tenures: number")
    yield Broken("balancing two outputs", text, ("E310",), 3, _SPLIT.index("oversample") + 1)
    text = TREES.replace("  tenure: number", "  tenure: {preprocessing: {normalization: zscore}}")
    yield Broken("options without a type", text, ("E311",), 5, 12, suggestion="type")
    text = NEURAL.replace("[roc_auc, accuracy]", "[roc_auc, top_3]")
    yield Broken(
        "unknown metric", text, ("E204", "E312"), row_of(text, "  metrics: [roc_auc, top_3]"), 22
    )
    text = NEURAL.replace(
        "    type: number\n    loss:", "    type: number\n    class_weights: balanced\n    loss:"
    )
    at = text.splitlines().index("  - name: charge") + 3
    yield Broken("class weights for a number", text, ("E313",), at, 5)
    for kind in ("image", "set", "sequence", "vector", "audio", "timeseries"):
        text = TREES.replace("tenure: number", f"tenure: {kind}")
        yield Broken(f"type {kind}", text, ("E208",), 5, 11)
    for key in ("hyperopt: {}", "hyperopt: {goal: minimize}"):
        yield Broken(key, TREES + key + "\n", ("E208",), len(TREES.splitlines()) + 1, 1)
    for row in ("dependencies: [a]", "calibration: true"):
        text = NEURAL.replace("    class_weights: balanced", f"    {row}")
        yield Broken(row, text, ("E208",), row_of(text, f"    {row}"), 5)
    text = NEURAL.replace("    column: remarks", "    tied: tenure")
    yield Broken("tied", text, ("E208",), row_of(text, "    tied: tenure"), 5)
    text = NEURAL.replace("version: 1", "version: 9")
    yield Broken("a version to come", text, ("E211",), 1, 10, suggestion="version: 1")
    yield Broken(
        "llm", TREES.replace("gbm", "llm"), ("E208",), row_of(TREES, "model_type: gbm"), 13
    )


def _torn() -> Iterator[Broken]:
    rows = NEURAL.splitlines()
    for number in (5, 12, 18, 33, 52, 64):
        text = (
            "\n".join([*rows[: number - 1], "\t" + rows[number - 1].lstrip(), *rows[number:]])
            + "\n"
        )
        yield Broken(f"a tab on line {number}", text, ("E102",), number, 1)
    yield Broken("an open bracket", NEURAL.replace("0.2]", "0.2"), ("E101",), 11, 20)
    yield Broken("an open quote", NEURAL.replace("tenure > 0", "'tenure > 0"), ("E101",), 6, 10)
    yield Broken("two colons", NEURAL.replace("name: churn", "name: churn: x"), ("E101",), 2, 12)
    yield Broken("a second document", NEURAL + "---\nname: b\n", ("E106",), len(rows) + 1, 1)
    yield Broken(
        "an alias without anchor", NEURAL.replace("name: churn", "name: *c"), ("E111",), 2, 7
    )
    yield Broken(
        "an unset variable",
        NEURAL.replace("seed: 7", "seed: ${ORDAIN_NO_SUCH}"),
        ("E115",),
        3,
        7,
        suggestion="ORDAIN_NO_SUCH",
    )
