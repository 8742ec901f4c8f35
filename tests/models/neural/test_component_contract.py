"""Every registered part of a neural model keeps the contract of `ordain.testing.neural`."""

import subprocess
import sys

import pytest

from ordain.models.neural.component import ENCODERS
from ordain.testing.neural import (
    ENCODER_CHECKS,
    Case,
    all_cases,
    can_be_exported,
    encoder_cases,
    reads_back_what_it_writes,
)

HUGGING_FACE = (
    "albert", "auto_transformer", "bert", "camembert", "deberta", "distilbert", "electra",
    "modernbert", "mpnet", "roberta", "t5", "xlmroberta",
)  # fmt: skip
TINY = {
    "use_pretrained": False,
    "pretrained_model_name_or_path": None,
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "trainable": True,
}
KEYS = {
    "dense": [{"num_fc_layers": 2, "output_size": 6, "norm": "layer", "dropout": 0.1}],
    "embed": [{"embedding_size": 3, "dropout": 0.2}],
    "parallel_cnn": [
        {"embedding_size": 6, "num_filters": 4, "num_fc_layers": 1, "output_size": 5},
        {"embedding_size": 6, "conv_layers": [{"filter_size": 2, "num_filters": 3}]},
    ],
    "stacked_cnn": [{"embedding_size": 6, "num_filters": 4, "num_conv_layers": 2}],
    "rnn": [
        {"embedding_size": 6, "state_size": 5, "cell_type": cell, "bidirectional": both}
        for cell in ("rnn", "lstm", "gru")
        for both in (False, True)
    ],
    "transformer": [
        {"embedding_size": 6, "hidden_size": 8, "num_heads": 2, "reduce_output": reduction}
        for reduction in ("sum", "mean", "max", "last", "attention", "concat", None)
    ],
    "bert": [TINY, {**TINY, "reduce_output": "cls_pooled"}],
    "distilbert": [TINY],
}
ENCODERS_HERE = encoder_cases(KEYS, skip=HUGGING_FACE)
MORE = {"modernbert": {"pad_token_id": 0}}


@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, id=str(case), marks=[pytest.mark.slow] * (case.keys["type"] in HUGGING_FACE)
        )
        for case in ENCODERS_HERE
    ],
)
def test_encoder_keeps_the_contract(case, check):
    check(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The tensor attributes self.body:UserWarning")
@pytest.mark.parametrize("case", ENCODERS_HERE, ids=str)
def test_encoder_can_be_exported(case):
    can_be_exported(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [n for n in HUGGING_FACE if n != "auto_transformer"])
def test_every_architecture_keeps_the_contract(name, check):
    kind = min(ENCODERS.get(name).kinds)
    check(Case(ENCODERS, {"type": name, **TINY, **MORE.get(name, {})}, kind))


@pytest.mark.parametrize(
    ("case", "check"), all_cases(), ids=lambda part: getattr(part, "__name__", str(part))
)
def test_part_keeps_the_contract(case, check):
    check(case)
    reads_back_what_it_writes(case)


def test_every_encoder_has_a_case():
    tested = {case.keys["type"] for case in ENCODERS_HERE} | set(HUGGING_FACE)
    assert tested == set(ENCODERS.names())


def test_a_spec_is_read_without_torch():
    code = (
        "import sys; from ordain.models.neural.component import *; "
        "[r.names() for r in (ENCODERS, COMBINERS, DECODERS, LOSSES, OPTIMIZERS, SCHEDULES)]; "
        "ENCODERS.build({'type': 'parallel_cnn'}); from ordain.models.families import neural; "
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
