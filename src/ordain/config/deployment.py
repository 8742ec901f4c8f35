"""The `deployment` block: which versions answer, for whom, under which limits, and what is kept.

    deployment:
      models:
        - name: churn
          champion: churn@champion
          canary: {version: churn@challenger, share: 0.05, sticky_by: customer_id}
          shadow: [churn@5]
          fallback: {value: {churn: "No"}}
          checks: reject
      limits: {body_bytes: 1_000_000, batch_rows: 10_000, timeout_seconds: 2}
      auth: {api_keys: "${ORDAIN_API_KEYS}"}
      trust: {signers: signers}
      log: {sink: .ordain/predictions, sample: 1.0, redact: [phone]}

It stands in the config of a training or in a document of its own. `ordain deploy` applies it,
`ordain serve` runs it, and a server that runs takes up what was applied since.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ordain.core.component import Spec
from ordain.data.locations import scheme_of

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SINK_SCHEMES = ("postgresql", "postgres")
_TOLERANCE = 1e-9

_MOST_ARMS = 20
_AT_LEAST_ONE = Field(json_schema_extra={"minItems": 1})
"""A length that pydantic checks would be told beside every fault inside of the list."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100, examples=["churn"])]
"""What may stand in a path: letters, digits, `.`, `_` and `-`."""
Reference = Annotated[str, Field(min_length=1)]
"""A version: `churn@champion`, `churn@5`, a run, or a bundle folder."""
Share = Annotated[float, Field(gt=0, lt=1)]
Ratio = Annotated[float, Field(ge=1)]


class Halt(Spec):
    """When a canary is taken out of the traffic by itself.

    The tests are sequential: they hold however often they are looked at.
    """

    false_alarms: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Chance that a canary that is no worse is ever halted, over all that is watched together."""
    error_ratio: Ratio | None = 1.5
    """How many times the champion's share of failed requests is still no reason; null watches no
    errors."""
    latency_ratio: Ratio | None = 1.5
    """How many times the champion's latency is still no reason; null watches no latency."""
    latency_floor_ms: Annotated[float, Field(ge=0)] = 5.0
    """Milliseconds that are no reason, however fast the champion is: only what takes longer is
    compared."""
    metric: Literal["auto", "none", "accuracy", "brier", "absolute_error"] = "auto"
    """What is compared where outcomes came back; `auto` takes the brier score of probabilities,
    else the accuracy of classes."""
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How much worse the mean of the metric may be; `accuracy` and `brier` lie between 0 and 1."""
    error_scale: Annotated[float, Field(gt=0)] | None = None
    """The absolute error that counts as 1, in the output's unit; a greater one counts as 1 too."""

    @model_validator(mode="after")
    def _absolute_error_has_a_scale(self) -> Self:
        if (self.metric == "absolute_error") != (self.error_scale is not None):
            raise ValueError("`error_scale` goes with `metric: absolute_error`, and it with it")
        return self


class Canary(Spec):
    """A version that answers a share of the requests until it is promoted, halted or removed."""

    version: Reference
    """The version that is tried."""
    share: Share
    """Share of the requests, or of the values of `sticky_by`, that it answers."""
    sticky_by: str | None = None
    """Field of the request by whose value is chosen: equal values get the same version."""
    halt: Halt = Field(default_factory=Halt)
    """When it is halted by itself."""


class Arm(Spec):
    """One version of an A/B test."""

    version: Reference
    """The version that answers."""
    share: Share
    """Share of the requests, or of the values of `sticky_by`, that it answers."""
    name: Name | None = None
    """What the log and tables call it; by default `b`, `c` and so on, in the order written."""


class SplitTest(Spec):
    """An A/B test: each arm has its share, the champion the rest; nothing is halted by itself."""

    arms: Annotated[tuple[Arm, ...], _AT_LEAST_ONE]
    """The versions beside the champion, which is arm `a`."""
    sticky_by: str | None = None
    """Field of the request by whose value is chosen: equal values get the same version."""

    @model_validator(mode="after")
    def _has_arms(self) -> Self:
        if not 0 < len(self.arms) <= _MOST_ARMS:
            raise ValueError(f"`arms` must be 1 to {_MOST_ARMS}")
        return self

    @property
    def named(self) -> tuple[tuple[str, Arm], ...]:
        """The arms with their names."""
        letters = "bcdefghijklmnopqrstuvwxyz"
        return tuple((arm.name or letters[i], arm) for i, arm in enumerate(self.arms))


class Fallback(Spec):
    """What is answered, and marked as such, where a version fails or takes too long."""

    value: dict[str, str | int | float | bool | None] | None = None
    """An answer by the name of each output."""
    model: Reference | None = None
    """A version that answers instead."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.value is None) == (self.model is None):
            raise ValueError("`fallback` must have either `value` or `model`, not both")
        return self


class Rule(Spec):
    """What is answered under a condition, whatever the model says."""

    when: Annotated[str, Field(min_length=1, examples=["tenure < 1"])]
    """Condition, in SQL, on inputs, `other_fields` and the answer (`churn_prediction`,
    `churn_probability_Yes`)."""
    then: dict[str, str | int | float | bool] = Field(examples=[{"churn": "No"}])
    """The answer by the name of each output that it decides."""
    reason: str | None = None
    """Why, for the answer and the log; by default the condition."""

    @field_validator("then")
    @classmethod
    def _decides_something(cls, then: dict[str, Any]) -> dict[str, Any]:
        if not then:
            raise ValueError('`then` must name an output\n  Fix: then: {churn: "No"}')
        return then


class ServedModel(Spec):
    """One model of a server, under its name in the path."""

    name: Name
    """Name under which it is asked: `/v1/models/NAME/predict`."""
    champion: Reference
    """The version that answers."""
    canary: Canary | None = None
    """A version that answers a share of the requests and is watched."""
    ab: SplitTest | None = None
    """Versions between which requests are divided for comparison."""
    shadow: tuple[Reference, ...] = ()
    """Versions that predict the same rows after the answer has left; only the log has theirs."""
    fallback: Fallback | None = None
    """What is answered where a version fails or takes too long; without it, an error."""
    checks: Literal["reject", "impute", "flag"] = "reject"
    """What becomes of a row that is not as in training: an error, missing cells, or a mark."""
    field_checks: dict[str, Literal["reject", "impute", "flag"]] = Field(
        default_factory=dict, examples=[{"notes": "flag"}]
    )
    """The same for single fields, by name, where they differ from `checks`."""
    other_fields: dict[str, Literal["number", "text", "boolean"]] = Field(
        default_factory=dict, examples=[{"age": "number"}]
    )
    """Fields with their types that a request may have beside the model's inputs, for rules."""
    rules: tuple[Rule, ...] = ()
    """What is answered under conditions, whatever the model says; the first that is true counts."""

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        arms = self.ab.named if self.ab else ()
        names = ["champion", "canary", "shadow", "fallback", "a", *(name for name, _ in arms)]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"`ab` has an arm named '{repeated}', which is taken")
        total = sum(arm.share for _, arm in arms) + (self.canary.share if self.canary else 0)
        if total > 1 + _TOLERANCE:
            raise ValueError(f"`canary` and `ab` take {total:g} of the requests, more than all")
        if self.canary and self.ab and self.canary.sticky_by != self.ab.sticky_by:
            raise ValueError("`canary` and `ab` must have the same `sticky_by`")
        return self

    @property
    def sticky_by(self) -> str | None:
        """Field of the request by whose value is chosen."""
        block = self.canary or self.ab
        return block.sticky_by if block else None

    def references(self) -> Iterator[tuple[str, str]]:
        """Yield part and reference of every version that must be at hand, the champion first."""
        yield "champion", self.champion
        if self.canary:
            yield "canary", self.canary.version
        for name, arm in self.ab.named if self.ab else ():
            yield name, arm.version
        yield from (("shadow", reference) for reference in self.shadow)
        if self.fallback and self.fallback.model:
            yield "fallback", self.fallback.model


class Limits(Spec):
    """What a request may take, and how many there may be."""

    body_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    """Bytes of a request's body; more is refused with 413."""
    batch_rows: Annotated[int, Field(gt=0)] = 10_000
    """Rows of a request; more is refused with 413."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 2.0
    """Seconds until the fallback, or an error, is answered."""
    concurrency: Annotated[int, Field(gt=0)] = 64
    """Requests in work at once; so many are let in whatever `wait_ms` says."""
    queue: Annotated[int, Field(ge=0)] = 512
    """Requests that wait; one more is refused with 503 and `Retry-After`."""
    wait_ms: Annotated[float, Field(gt=0)] = 15.0
    """Milliseconds of the processor that requests before a new one may be expected to take; beyond,
    it is refused with 503 and `Retry-After`. Its own wait is up to twice that."""
    string_chars: Annotated[int, Field(gt=0)] = 100_000
    """Characters of a text in a row, and of a field's name; more is refused with 422."""
    header_bytes: Annotated[int, Field(ge=1_024)] = 16_384
    """Bytes of a request's head; more is refused with 431."""
    client_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Seconds a client may take to send a request, or to take its answer."""
    drain_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that accepted requests have to end in, once the server is told to stop."""


class Batching(Spec):
    """How requests that wait are answered together."""

    max_rows: Annotated[int, Field(gt=0)] = 256
    """Rows of one call of the model."""
    max_wait_ms: Annotated[float, Field(ge=0)] = 0.0
    """Milliseconds a request may wait for others; with 0 only those already waiting are joined."""


class Auth(Spec):
    """Who may call."""

    api_keys: str | tuple[str, ...] | None = Field(default=None, repr=False)
    """Keys, each as `key` or `caller:key`, several with commas between; written as `${NAME}`, for
    a key itself may not stand in a document."""
    keys_file: str | None = None
    """File of hashed keys with their callers, models and verbs; read anew when it changes."""
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    """Requests a second that a caller may make, by all its keys together; more are refused with
    429. Where no keys are set there are no callers to tell apart, and no limit."""

    @property
    def is_open(self) -> bool:
        """Whether anybody may call."""
        return self.api_keys is None and self.keys_file is None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys as given, one by one."""
        given = (self.api_keys,) if isinstance(self.api_keys, str) else self.api_keys or ()
        return tuple(k for text in given for part in text.split(",") if (k := part.strip()))


class Trust(Spec):
    """Whose bundles are served."""

    signers: Annotated[str, Field(min_length=1)] | None = None
    """File with a public key a line, as `authorized_keys` has them: a bundle that none of them has
    signed is not served. Read anew with each version; null asks for no signature."""


class PredictionLogging(Spec):
    """What is kept of predictions."""

    sink: str | None = None
    """Folder, or url of a PostgreSQL database; `predictions` in the work folder by default."""
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of predictions that is kept, chosen by the prediction's id."""
    redact: tuple[str, ...] = ()
    """Fields that are never kept: neither in the queue, on disk nor in the database."""
    queue_rows: Annotated[int, Field(gt=0)] = 100_000
    """Rows that may wait to be written; what comes beyond is dropped, and counted."""
    keep_days: Annotated[float, Field(gt=0)] | None = None
    """Days after which predictions and outcomes are removed; null keeps them for ever."""
    keep_bytes: Annotated[int, Field(gt=0)] | None = None
    """Bytes that the folder may take; beyond, the oldest hours are removed. Not of a database."""

    @model_validator(mode="after")
    def _bytes_are_those_of_a_folder(self) -> Self:
        if self.keep_bytes is not None and self.sink and scheme_of(self.sink):
            raise ValueError(
                "`keep_bytes` bounds a folder, and `sink` is a database\n  Fix: keep_days: 30"
            )
        return self

    @field_validator("sink")
    @classmethod
    def _is_known_place(cls, sink: str | None) -> str | None:
        scheme = scheme_of(sink) if sink else ""
        if scheme and scheme not in SINK_SCHEMES:
            raise ValueError(
                f"`sink` may be a folder or a url of PostgreSQL, not one of '{scheme}'\n"
                "  Fix: sink: postgresql://HOST/DATABASE"
            )
        return sink


class Deployment(Spec):
    """Which versions answer, for whom, under which limits, and what is kept."""

    models: Annotated[tuple[ServedModel, ...], _AT_LEAST_ONE]
    """The models that are served."""
    limits: Limits = Field(default_factory=Limits)
    """What a request may take, and how many there may be."""
    batching: Batching = Field(default_factory=Batching)
    """How requests that wait are answered together."""
    auth: Auth = Field(default_factory=Auth)
    """Who may call; without keys anybody on this machine."""
    trust: Trust = Field(default_factory=Trust)
    """Whose bundles are served; without signers everybody's."""
    log: PredictionLogging = Field(default_factory=PredictionLogging)
    """What is kept of predictions."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if not self.models:
            raise ValueError("`models` must name a model\n  Fix: models: {churn: churn@champion}")
        names = [model.name for model in self.models]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two of `models` are named '{repeated}'")
        return self
