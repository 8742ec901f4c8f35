"""A real Prometheus scrapes a server with keys; its own API is asked, and its rules are tested."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordain.serving.access import hash_of

pytestmark = [pytest.mark.service, pytest.mark.slow]

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
RULES = Path(__file__).parents[2] / "examples" / "serving" / "alerts.yml"
SCRAPER, SHOP = "scraper-key-0123456789", "shop-key-0123456789"
CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: ordain
    authorization: {{credentials: {key}}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: bash tests/system-packages.sh")
    return found


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    records = [
        {"caller": "scraper", "sha256": hash_of(SCRAPER), "verbs": ["metrics"]},
        {"caller": "shop", "sha256": hash_of(SHOP), "verbs": ["predict"]},
    ]
    path.write_text(json.dumps({"keys": records}))
    return path


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """A Prometheus on the loopback that scrapes one target, as a client of its API."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, key=SCRAPER, target=target))
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with (folder / "prometheus.log").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20) as client:
            eventually(lambda: is_up(client))
            yield client
    finally:
        process.terminate()
        process.wait(30)


def is_up(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return ask(client, 'up{job="ordain"} == 1') != {}
    return False


def ask(client: httpx.Client, query: str, *by: str) -> dict[tuple[str, ...], float]:
    """Return the values of an instant query, by some of their labels."""
    answer = client.get("/query", params={"query": query})
    if answer.status_code == 503:  # it is starting
        return {}
    found = answer.raise_for_status().json()["data"]["result"]
    return {tuple(one["metric"][name] for name in by): float(one["value"][1]) for one in found}


def eventually(check: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def test_a_prometheus_finds_requests_versions_callers_latencies_and_anomalies(
    start: Callable[..., Any], bundles: dict[str, Path], keys: Path, tmp_path: Path
) -> None:
    program("prometheus")
    log = tmp_path / "log"
    with start(bundles["churn"], "--keys", keys, "--workers", "2", "--log", log) as server:
        shop = {"x-api-key": SHOP}
        # Prometheus sees how a counter grows, so the first requests come before it looks.
        with server.client(headers=shop) as client:
            for _ in range(3):
                version = client.post("/v1/models/churn/predict", json={"row": ROW}).json()
        target = server.url.removeprefix("http://")
        with prometheus(tmp_path, target) as asked, server.client(headers=shop) as client:
            for number in range(60):
                row = {**ROW, "tenure": 80 if number % 6 == 0 else 3}
                client.post("/v1/models/churn/predict", json={"row": row}).raise_for_status()
                time.sleep(0.02)
            client.post("/v1/models/churn/predict", json={"row": {**ROW, "tenure": "x"}})
            client.get("/v1/models")  # which this key does not allow
            counted = "sum by (model, version) (ordain_predictions_total)"
            wanted = {("churn", version["version"]): 63.0}
            eventually(lambda: ask(asked, counted, "model", "version") == wanted)
            by_caller = "sum by (caller, status) (ordain_requests_total{caller='shop'})"
            eventually(
                lambda: (
                    ask(asked, by_caller, "status")
                    == {("200",): 63.0, ("422",): 1.0, ("403",): 1.0}
                )
            )
            anomalies = "sum by (field, code) (ordain_input_anomalies_total)"
            assert ask(asked, anomalies, "field", "code") == {
                ("tenure", "edge"): 10.0,
                ("tenure", "type"): 1.0,
            }
            p99 = (
                "histogram_quantile(0.99, sum by (le) (rate(ordain_request_seconds_bucket"
                '{route="/v1/models/{name}/predict"}[20s])))'
            )
            eventually(lambda: 0 < ask(asked, p99).get((), 0.0) < 1)
            told = ask(asked, "ordain_model_info == 1", "model", "version")
            assert set(told) == {("churn", version["version"])}
            assert ask(asked, "max(ordain_change_refused)") == {(): 0.0}
            logged = "sum by (result) (ordain_log_rows_total) > 0"
            eventually(lambda: ask(asked, logged, "result") == {("written",): 63.0})
            recorded = "ordain:prediction_seconds:p99"
            eventually(lambda: 0 < ask(asked, recorded).get((), 0.0) < 1)
            groups = asked.get("/rules").raise_for_status().json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) > 8
            eventually(lambda: not unhealthy(asked))
            firing = [one["labels"]["alertname"] for one in alerts(asked)]
            assert firing == []
        (target,) = {caller for (caller,) in callers(server)}
        assert target == "scraper"


def unhealthy(client: httpx.Client) -> list[str]:
    groups = client.get("/rules").json()["data"]["groups"]
    return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]


def alerts(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/alerts").json()["data"]["alerts"]
    return [one for one in found if one["state"] == "firing"]


def callers(server: Any) -> set[tuple[str]]:
    """Return who has asked for metrics."""
    with server.client(headers={"authorization": f"Bearer {SCRAPER}"}) as client:
        text = client.get("/metrics").text
    return {
        (line.partition('caller="')[2].partition('"')[0],)
        for line in text.splitlines()
        if line.startswith("ordain_requests_total") and 'route="/metrics"' in line
    }


# Each alert: the series that make it fire, and the labels with which it does.
FIRING = """
rule_files: ["{rules}"]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {{series: 'up{{job="ordain", instance="a"}}', values: "1x10 0x40"}}
      - {{series: 'ordain_change_refused{{instance="a"}}', values: "0x10 1x40"}}
      - {{series: 'ordain_requests_total{{instance="a", status="200"}}', values: "0+100x50"}}
      - {{series: 'ordain_requests_total{{instance="a", status="500"}}', values: "0+5x50"}}
      - {{series: 'ordain_shed_total{{instance="a", reason="queue"}}', values: "0+50x50"}}
      - {{series: 'ordain_log_rows_total{{instance="a", result="dropped"}}', values: "0+1x50"}}
      - {{series: 'ordain_fallbacks_total{{model="churn", reason="failed"}}', values: "0+1x50"}}
      - series: 'ordain_predictions_total{{model="churn", version="1", arm="champion"}}'
        values: "0+100x200"
      - series: 'ordain_input_anomalies_total{{model="churn", field="tenure", code="range"}}'
        values: "0+20x200"
      - series: 'ordain_request_seconds_bucket{{route="/v1/models/{{name}}/predict", le="0.025"}}'
        values: "0+50x50"
      - series: 'ordain_request_seconds_bucket{{route="/v1/models/{{name}}/predict", le="0.05"}}'
        values: "0+100x50"
      - series: 'ordain_request_seconds_bucket{{route="/v1/models/{{name}}/predict", le="+Inf"}}'
        values: "0+100x50"
    alert_rule_test:
      - {{alertname: OrdainDown, eval_time: 4m, exp_alerts: []}}
      - alertname: OrdainDown
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: page, job: ordain, instance: a}}
            exp_annotations: {{summary: a is not reached}}
      - alertname: OrdainChangeRefused
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: ticket, instance: a}}
            exp_annotations:
              summary: a cannot serve what was deployed last; the old version answers
      - alertname: OrdainErrors
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: page, instance: a}}
            exp_annotations: {{summary: 4.762% of the requests to a fail}}
      - alertname: OrdainSheds
        eval_time: 12m
        exp_alerts:
          - exp_labels: {{severity: page, instance: a}}
            exp_annotations: {{summary: a turns 32.26% of its requests away}}
      - alertname: OrdainLogLoses
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: ticket, instance: a, result: dropped}}
            exp_annotations: {{summary: "The prediction log of a is not whole: dropped"}}
      - alertname: OrdainFallbacks
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: ticket, model: churn, reason: failed}}
            exp_annotations: {{summary: "churn answers by its fallback: it failed"}}
      - alertname: OrdainSlow
        eval_time: 20m
        exp_alerts:
          - exp_labels: {{severity: ticket, route: "/v1/models/{{name}}/predict"}}
            exp_annotations: {{summary: One request in a hundred takes longer than 49.5ms}}
      - alertname: OrdainInputsUnlikeTraining
        eval_time: 90m
        exp_alerts:
          - exp_labels: {{severity: ticket, model: churn, field: tenure, code: range}}
            exp_annotations:
              summary: >-
                churn: `tenure` of 20% of the rows is not as in training (range)
"""


def test_the_example_alerts_are_right_and_fire(tmp_path: Path) -> None:
    checked = [program("promtool"), "check", "rules", str(RULES)]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = tmp_path / "cases.yml"
    cases.write_text(FIRING.format(rules=RULES))
    tested = [program("promtool"), "test", "rules", str(cases)]
    done = subprocess.run(tested, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
