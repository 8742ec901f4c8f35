"""The graph in ONNX Runtime for the web, in Node and in a browser, by the page of the examples."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from exported_rows import Trained, document, largest

import ordain

PAGE = Path(__file__).parents[3] / "examples" / "serving" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NPM, NODE = shutil.which("npm"), shutil.which("node")
FAMILIES = [
    ("gbm", "size", "category"),
    ("linear", "churn", "binary"),
    ("neural", "price", "number"),
    ("naive_bayes", "churn", "binary"),
    ("knn", "churn", "binary"),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.skipif(NPM is None or NODE is None, reason="Node is not installed"),
]
_SCRIPT = """
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import { Model } from "./model.js";
ort.env.wasm.numThreads = 1;
const read = (name) => readFileSync(name, "utf8");
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync("model/model.onnx")));
const model = new Model(ort, session, JSON.parse(read("model/interface.json")));
console.log(JSON.stringify(await model.predict(JSON.parse(read("rows.json")))));
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of installed packages, as the page's README says how."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    words = re.search(r"npm install (\S+)", (PAGE / "README.md").read_text(encoding="utf-8"))
    assert words is not None
    assert NPM is not None
    done = subprocess.run(
        [NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", words[1]],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"onnxruntime-web cannot be installed: {done.stderr[-200:]}")
    return folder / "node_modules"


@pytest.fixture
def page(tmp_path: Path, packages: Path) -> Path:
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder, ignore=shutil.ignore_patterns("node_modules", "model"))
    (folder / "node_modules").symlink_to(packages)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return folder


@pytest.mark.parametrize(("family", "output", "kind"), FAMILIES)
def test_graph_answers_in_node(
    page: Path, trained: Trained, rows: pl.DataFrame, family: str, output: str, kind: str
) -> None:
    folder = trained(document(family, output, kind))
    ordain.export(folder, page / "model", format="onnx")
    golden = pl.read_parquet(folder / "golden.parquet").select(rows.columns)
    own = pl.concat([golden, rows.head(60)])
    (page / "rows.json").write_text(json.dumps(own.to_dicts()), encoding="utf-8")
    (page / "check.mjs").write_text(_SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [str(NODE), "check.mjs"], cwd=page, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = pl.DataFrame(json.loads(done.stdout))
    assert largest(ordain.load(folder).predict(own), found) < 1e-5


@pytest.fixture
def address(page: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(page))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_page_asks_for_the_inputs_and_answers(
    page: Path, address: str, trained: Trained, rows: pl.DataFrame, tmp_path: Path
) -> None:
    folder = trained(document("gbm", "churn", "binary"))
    ordain.export(folder, page / "model", format="onnx")
    row = rows.filter(pl.col("contract") == 'it\'s two "years"').drop_nulls().row(0, named=True)
    cells = {**row, "senior": str(row["senior"]).lower()}
    words = "&".join(f"{quote(key)}={quote(str(value))}" for key, value in cells.items())
    opened = _opened(f"{address}/index.html?{words}", tmp_path)
    assert '<p id="fault" role="alert"></p>' in opened, opened[-3000:]
    assert len(re.findall(r"<label>", opened)) == 6
    assert '<option value="month">month</option>' in opened
    told = dict(re.findall(r'<tr data-value="([^"]*)"><td>([^<]*)</td>', opened))
    found = {name: value for value, name in told.items()}
    expected = ordain.load(folder).predict_row(row)
    assert found["churn_prediction"] == expected["churn_prediction"]
    shown = float(found["churn_probability_Yes"])
    assert shown == pytest.approx(expected["churn_probability_Yes"], abs=1e-6)


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_page_names_the_columns_that_it_cannot_encode(
    page: Path, address: str, trained: Trained, tmp_path: Path
) -> None:
    config = document(
        "linear", "churn", "binary",
        input_features={"contract": {"type": "category", "preprocessing": {"lowercase": True}},
                        "tenure": "number"},
    )  # fmt: skip
    ordain.export(trained(config), page / "model", format="onnx")
    opened = _opened(f"{address}/index.html", tmp_path)
    assert "contract: encoded outside of the graph" in opened


def _opened(url: str, folder: Path) -> str:
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--virtual-time-budget=60000",
         f"--user-data-dir={folder / 'profile'}", "--dump-dom", url],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    return done.stdout
