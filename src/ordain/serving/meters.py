"""What is counted: Prometheus metrics by model and version, callers and anomalies of the input.

    ordain_requests_total{route,model,status,caller}
    ordain_request_seconds{route}                    histogram, from acceptance to the answer
    ordain_predictions_total{model,version,arm,status}
    ordain_prediction_seconds{model,version}         histogram, of the version alone
    ordain_fallbacks_total{model,reason}             answers that are not the version's own
    ordain_input_anomalies_total{model,version,field,code}
    ordain_shed_total{reason}                        requests told to come again
    ordain_rules_total{model,version,output,rule}    answers that a rule of the deployment decided
    ordain_shadows_dropped_total{model}              rows that a shadow had no time for
    ordain_feedback_total{receipt}
    ordain_swaps_total{model,result}                 versions taken up, or refused
    ordain_log_rows_total{result}                    rows for the log: written, left_out, dropped...
    ordain_change_refused                            1 while what was deployed last is not served
    ordain_in_flight                                 requests being worked on
    ordain_model_info{model,version,bundle}          1

With several worker processes the numbers of all of them are added up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the environment that names the folder where workers keep their numbers."""

_OF_THE_LOG = ("written", "left_out", "dropped", "unwritable", "failures")
_FAST = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    10,
)


class Meters:
    """All metrics of one process; children are kept, for finding one by its labels is slow."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared = os.environ.get(SHARED)
        self._kept: dict[Any, Any] = {}
        self._requests = self._counter(
            "requests", "Requests answered", "route", "model", "status", "caller"
        )
        self._request_seconds = self._histogram(
            "request_seconds", "Seconds from acceptance to the answer", "route"
        )
        self._predictions = self._counter(
            "predictions", "Rows predicted", "model", "version", "arm", "status"
        )
        self._prediction_seconds = self._histogram(
            "prediction_seconds", "Seconds a version takes", "model", "version"
        )
        self._fallbacks = self._counter("fallbacks", "Fallback answers", "model", "reason")
        self._anomalies = self._counter(
            "input_anomalies", "Cells not as in training", "model", "version", "field", "code"
        )
        self._rules = self._counter(
            "rules", "Answers that a rule decided", "model", "version", "output", "rule"
        )
        self._shed = self._counter("shed", "Requests told to come again", "reason")
        self._shadows = self._counter("shadows_dropped", "Shadow rows left out", "model")
        self._feedback = self._counter("feedback", "Outcomes taken", "receipt")
        self._swaps = self._counter("swaps", "Versions taken up or refused", "model", "result")
        self._log_rows = self._counter("log_rows", "Rows for the prediction log", "result")
        self._logged: dict[str, int] = {}
        self._lagging = Gauge(
            "ordain_change_refused",
            "Whether what was deployed last cannot be served",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self._in_flight = Gauge(
            "ordain_in_flight",
            "Requests being worked on",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._info = Gauge(
            "ordain_model_info",
            "Versions that are loaded",
            ["model", "version", "bundle"],
            registry=self.registry,
            multiprocess_mode="liveall",
        )

    def text(self) -> bytes:
        """Return the metrics as Prometheus reads them, of all workers together."""
        if self._shared is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def request(self, route: str, model: str, *, status: int, caller: str, seconds: float) -> None:
        """Count a request that was answered."""
        key = ("request", route, model, status, caller)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = (
                self._requests.labels(route, model, str(status), caller).inc,
                self._request_seconds.labels(route).observe,
            )
        count, observe = found
        count()
        observe(seconds)

    def predicted(
        self, model: str, version: str, *, arm: str, status: str, seconds: float, n_rows: int = 1
    ) -> None:
        """Count rows that a version was asked about."""
        key = ("predicted", model, version, arm, status)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = (
                self._predictions.labels(model, version, arm, status).inc,
                self._prediction_seconds.labels(model, version).observe,
            )
        count, observe = found
        count(n_rows)
        observe(seconds)

    def anomaly(self, model: str, version: str, field: str, code: str, count: int = 1) -> None:
        """Count cells that were not as in training; strange names are counted together."""
        named = "(unknown)" if code == "unknown" else field
        self._anomalies.labels(model, version, named, code).inc(count)

    def ruled(self, model: str, version: str, decided: Iterable[tuple[str, str, int]]) -> None:
        """Count answers that rules decided, by output and the rule's reason."""
        for output, rule, count in decided:
            self._rules.labels(model, version, output, rule).inc(count)

    def fallback(self, model: str, reason: str) -> None:
        """Count an answer that is not the version's own."""
        self._fallbacks.labels(model, reason).inc()

    def shed(self, reason: str) -> None:
        """Count a request that was told to come again."""
        found = self._kept.get(("shed", reason))
        if found is None:
            found = self._kept["shed", reason] = self._shed.labels(reason).inc
        found()

    def shadow_dropped(self, model: str, n_rows: int) -> None:
        """Count rows that a shadow had no time for."""
        self._shadows.labels(model).inc(n_rows)

    def feedback(self, receipt: str) -> None:
        """Count an outcome."""
        self._feedback.labels(receipt).inc()

    def swapped(self, model: str, result: str) -> None:
        """Count a version that was taken up, or refused."""
        self._swaps.labels(model, result).inc()

    def logged(self, counts: Mapping[str, int]) -> None:
        """Take note of what became of rows for the log, as counted since the start."""
        for result in _OF_THE_LOG:
            count = counts.get(result, 0)
            self._log_rows.labels(result).inc(count - self._logged.get(result, 0))
            self._logged[result] = count

    def lagging(self, *, is_so: bool) -> None:
        """Take note of whether what was deployed last cannot be served."""
        self._lagging.set(is_so)

    def in_flight(self, change: int) -> None:
        """Take note of a request that begins or ends."""
        self._in_flight.inc(change)

    def loaded(self, model: str, version: str, bundle: str, *, is_there: bool = True) -> None:
        """Take note of a version that is there, or no longer."""
        self._info.labels(model, version, bundle).set(1 if is_there else 0)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"ordain_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, *labels: str) -> Histogram:
        return Histogram(f"ordain_{name}", told, labels, registry=self.registry, buckets=_FAST)
