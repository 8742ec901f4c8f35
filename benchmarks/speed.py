"""How fast: each against the shortest hand-written way to the same thing."""

from __future__ import annotations

import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import ordain
from benchmarks import tables
from benchmarks.measure import (
    Figure,
    at_least,
    at_most,
    in_turns,
    process_seconds,
    seconds_of,
)
from benchmarks.measure import ordain as command

LGB_SCRIPT = """
import sys, lightgbm as lgb, polars as pl, numpy as np
frame = pl.read_csv(sys.argv[1])
names = [n for n in frame.columns if n != "target"]
matrix = np.column_stack([
    frame[n].cast(pl.Float64).to_numpy() if frame[n].dtype.is_numeric()
    else frame[n].cast(pl.Categorical).to_physical().cast(pl.Float64).to_numpy() for n in names])
y = (frame["target"] == "yes").cast(pl.Float64).to_numpy()
order = np.random.default_rng(0).permutation(len(y))
cut, stop = int(.7 * len(y)), int(.8 * len(y))
kinds = [i for i, n in enumerate(names) if not frame[n].dtype.is_numeric()]
train = lgb.Dataset(matrix[order[:cut]], y[order[:cut]], categorical_feature=kinds)
valid = lgb.Dataset(matrix[order[cut:stop]], y[order[cut:stop]], reference=train)
params = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
params = {"objective": "binary", "verbosity": -1, **params}
booster = lgb.train(params, train, num_boost_round=ROUNDS,
    valid_sets=[valid], callbacks=[lgb.early_stopping(STOP, verbose=False)])
print((booster.predict(matrix[order[stop:]]) > .5).mean())
"""


def start() -> Iterator[Figure]:
    """A new process."""
    with tempfile.TemporaryDirectory() as folder:
        frame = tables.mixed(1000, numbers=10, categories=10)
        path = Path(folder) / "c.yaml"
        path.write_text(json.dumps(tables.config(frame, "gbm")))
        yield at_most("ordain --help", process_seconds(command("--help")), 0.25, "s")
        yield at_most(
            "ordain check, 20 features", process_seconds(command("check", str(path))), 0.6, "s"
        )


def read_and_encode() -> Iterator[Figure]:
    """A CSV of 300,000 rows and 19 mixed columns against `polars.read_csv` alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = tables.write_csv(tables.mixed(300_000), Path(folder))
        alone, taken = [], []
        for turn in range(7):
            alone.append(seconds_of(lambda: pl.read_csv(path)))
            taken.append(_stage_seconds(path, Path(folder) / str(turn)))
        middle = {stage: statistics.median(t[stage] for t in taken) for stage in taken[0]}
        yield at_most(
            "read, fit and encode a CSV of 300,000 x 20, all kept, over polars.read_csv",
            statistics.median(
                (t["read"] + t["encode"]) / a for t, a in zip(taken, alone, strict=True)
            ),
            3.0,
            "x",
            detail=", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in middle.items())
            + f"; polars {statistics.median(alone):.2f} s",
        )


def _stage_seconds(path: Path, folder: Path) -> dict[str, float]:
    """Return the wall time of each stage up to encoded columns, from an empty cache."""
    from ordain.config import Config, bind
    from ordain.config.bind import settle
    from ordain.core.events import Events
    from ordain.pipeline.cache import Cache
    from ordain.pipeline.inputs import Given, read_rows
    from ordain.pipeline.stages import Stages
    from ordain.pipeline.variant import prepare

    config = Config.load(tables.config(tables.mixed(10), "gbm"))
    stages = Stages(Cache(folder), Events())
    table = read_rows(stages, config, Given(path)).table
    document, _ = settle(bind(config, stages.profile(table, table.schema.names())).document)
    required = {"target": document.output_features[0].preprocessing}
    split, key = stages.split(table, document.preprocessing.split, seed=1, required=required)
    prepare(stages, table, split, split_key=key, document=document)
    return {stage: stages.seconds[stage] for stage in ("read", "profile", "split", "encode")}


def neural_loop() -> Iterator[Figure]:
    """Training rows a second against the shortest loop on the same tensors."""
    import torch

    from ordain.core.events import Events
    from ordain.features.encoded import EncodedColumn, Kind, Shape
    from ordain.models.family import FAMILIES, Dataset, FitContext, Input, Output, Problem
    from ordain.models.neural.component import COMBINERS, ENCODERS

    n, width, epochs = 100_000, 40, 4
    random = np.random.default_rng(0)
    x = random.normal(size=(n, width)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=n) > 0).astype(np.float32)
    shape = Shape(kind=Kind.SCALAR)
    inputs = tuple(
        Input(f"x{i:02}", "number", shape, ENCODERS.build("passthrough")) for i in range(width)
    )
    outputs = (Output("y", "binary", Shape(kind=Kind.SCALAR, role="binary"), labels=("0", "1")),)
    combiner = COMBINERS.build(
        {
            "type": "concat",
            "num_fc_layers": 2,
            "output_size": 256,
            "activation": "relu",
            "dropout": 0.0,
        }
    )
    data = Dataset(
        {
            f"x{i:02}": EncodedColumn(Kind.SCALAR, np.ascontiguousarray(x[:, i : i + 1]))
            for i in range(width)
        },
        {"y": EncodedColumn(Kind.SCALAR, y[:, None])},
        n,
    )
    family = FAMILIES.get("neural")()
    trainer = family.Trainer.model_validate(
        {"epochs": epochs, "batch_size": 256, "learning_rate": 0.001, "optimizer": "adamw"}
    )
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    torch.set_num_threads(2)
    for _ in range(3):
        rates["bare"].append(n / seconds_of(lambda: _bare_loop(x, y)))
        with tempfile.TemporaryDirectory() as folder:
            from ordain.models.family import Backend

            context = FitContext(0, Events(), Path(folder), backend=Backend(threads=2), n_threads=2)
            started = time.perf_counter()
            family.fit(
                Problem(inputs, outputs, combiner), data, None, trainer=trainer, context=context
            )
            spent = time.perf_counter() - started
        rates["ours"].append(n * epochs / spent)
    bare, ours = (statistics.median(rates[name]) for name in ("bare", "ours"))
    yield at_least(
        "neural training, batch 256, 2 x 256, of the bare loop",
        ours / bare,
        0.85,
        "x",
        detail=f"{ours:,.0f} / {bare:,.0f} rows/s",
    )


def neural_overhead() -> Iterator[Figure]:
    """What an epoch spends on anything but forward, backward and optimiser."""
    frame = tables.mixed(32_000, numbers=6, categories=8)
    body = {"type": "concat", "num_fc_layers": 2, "output_size": 256}
    config = tables.config(
        frame,
        "neural",
        combiner=body,
        trainer={"epochs": 8, "batch_size": 256},
        evaluation={"baselines": False},
        backend={"threads": 1},
    )
    found = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            found.append(ordain.train(config, frame, home=folder).facts["time"])
    middle = sorted(found, key=lambda record: record["overhead_share"])[1]
    yield at_most(
        "of an epoch that is not forward, backward, optimiser",
        middle["overhead_share"],
        0.05,
        "",
        detail=", ".join(f"{part} {value:.2f} s" for part, value in middle["seconds"].items()),
    )


def _bare_loop(x: np.ndarray, y: np.ndarray) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    inputs, truth = torch.from_numpy(x), torch.from_numpy(y)
    net = nn.Sequential(
        nn.Linear(40, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1)
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    order = torch.randperm(len(x))
    for start_row in range(0, len(x) - 255, 256):
        rows = order[start_row : start_row + 256]
        loss = nn.functional.binary_cross_entropy_with_logits(net(inputs[rows])[:, 0], truth[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def batch_prediction() -> Iterator[Figure]:
    """Rows a second from a frame, against the engine alone on an encoded matrix."""
    frame = tables.mixed(200_000, numbers=6, categories=4)
    with tempfile.TemporaryDirectory() as folder:
        for family, trainer in (("gbm", {}), ("neural", {"epochs": 2})):
            config = tables.config(frame, family, trainer=trainer, evaluation={"baselines": False})
            model = ordain.train(config, frame.head(30_000), home=folder).model()
            whole, alone = in_turns(
                functools.partial(model.predict, frame), _engine_alone(model, frame), turns=5
            )
            if family == "gbm":
                yield at_least(
                    "batch prediction, gbm, of LightGBM alone",
                    alone / whole,
                    0.8,
                    "x",
                    detail=f"{200_000 / whole:,.0f} / {200_000 / alone:,.0f} rows/s",
                )
            else:
                yield at_most(
                    "batch prediction, neural: encode and decode over the forward pass",
                    (whole - alone) / alone,
                    1.0,
                    "x",
                    detail=f"{200_000 / whole:,.0f} rows/s",
                )


def _engine_alone(model: Any, frame: pl.DataFrame) -> Callable[[], Any]:
    inputs = {
        f.name: f.preprocessing.encode(frame[f.column], model.encodings[f.name])
        for f in model.document.input_features
    }
    if model.document.model_type.type == "neural":
        return lambda: model.fitted.predict(inputs)
    import lightgbm

    text = next((model.path / "model").glob("*.txt")).read_text()
    booster = lightgbm.Booster(model_str=text)
    matrix = np.column_stack([inputs[name].values.reshape(len(frame)) for name in sorted(inputs)])
    return lambda: booster.predict(matrix)


def gbm_process() -> Iterator[Figure]:
    """`ordain train` with gbm on 32,000 rows, whole process, over a script."""
    with tempfile.TemporaryDirectory() as folder:
        frame = tables.mixed(32_000, numbers=8, categories=6)
        path = tables.write_csv(frame, Path(folder))
        config = Path(folder) / "c.yaml"
        keys = {"num_boost_round": 200, "learning_rate": 0.05, "early_stop": 50, "num_leaves": 31}
        config.write_text(
            json.dumps(tables.config(frame, "gbm", trainer=keys, data={"source": str(path)}))
        )
        script = Path(folder) / "script.py"
        script.write_text(
            "import json\n" + LGB_SCRIPT.replace("ROUNDS", "200").replace("STOP", "50")
        )
        params = json.dumps({"learning_rate": 0.05, "num_leaves": 31})
        hand, ours = [], []
        for turn in range(5):
            hand.append(process_seconds([sys.executable, str(script), str(path), params], turns=1))
            ours.append(
                process_seconds(
                    command("train", str(config), "--quiet", "--home", f"{folder}/{turn}"), turns=1
                )
            )
        extra = statistics.median(ours) - statistics.median(hand)
        yield at_most(
            "ordain train, gbm, 32,000 rows, over a LightGBM script",
            extra,
            1.5,
            "s",
            detail=f"{statistics.median(ours):.2f} s / {statistics.median(hand):.2f} s, report",
        )


def second_training() -> Iterator[Figure]:
    """What is not training when only the learning rate has changed."""
    with tempfile.TemporaryDirectory() as folder:
        frame = tables.mixed(100_000)
        path = tables.write_csv(frame, Path(folder))
        for rate in (0.1, 0.2):
            config = tables.config(
                frame, "gbm", trainer={"learning_rate": rate, "num_boost_round": 20}
            )
            result = ordain.train(config, path, home=folder)
        spent = sum(
            result.seconds.get(stage, 0.0) for stage in ("read", "profile", "split", "encode")
        )
        yield at_most("second training: read, split, encode reused", spent, 0.3, "s")


def one_row() -> Iterator[Figure]:
    """`Model.predict_row` of 20 mixed columns."""
    frame = tables.mixed(20_000, numbers=11, categories=9)
    rows = frame.drop("target").head(2000).to_dicts()
    with tempfile.TemporaryDirectory() as folder:
        for family, limit, trainer in (("gbm", 0.15, {}), ("neural", 0.25, {"epochs": 2})):
            config = tables.config(frame, family, trainer=trainer, evaluation={"baselines": False})
            model = ordain.train(config, frame, home=folder).model()
            for row in rows[:200]:
                model.predict_row(row)
            taken = [seconds_of_row(model, row) for row in rows]
            yield at_most(
                f"one row, 20 columns, {family}, p50",
                statistics.median(taken) * 1000,
                limit,
                "ms",
                detail=f"p99 {np.percentile(taken, 99) * 1000:.3f} ms",
            )


def seconds_of_row(model: Any, row: dict[str, Any]) -> float:
    started = time.perf_counter()
    model.predict_row(row)
    return time.perf_counter() - started


ALL = [
    start,
    read_and_encode,
    neural_loop,
    neural_overhead,
    batch_prediction,
    gbm_process,
    second_training,
    one_row,
]
