"""How the model was made: features, data, split, seconds, reasons, config, lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain.evaluation.report.html import Html, code_words, join, tag
from ordain.evaluation.report.tables import cell, facts, header, sortable, words
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value


def feature_facts(summary: RunSummary) -> Html | None:
    """Return what fitting saw and did, a row for each column."""
    if not summary.features:
        return None
    names = list(
        dict.fromkeys(
            key
            for found in summary.features.values()
            for key in found
            if _count(found, key) is not None
        )
    )
    head = [
        header("column"),
        header("type"),
        *(header(words(name), is_number=True) for name in names),
        header("more"),
    ]
    rows = (
        _feature_row(name, summary.inputs.get(name) or _output_type(summary, name), found, names)
        for name, found in summary.features.items()
    )
    hint = "Counted on the training rows only, which is where every statistic comes from."
    return join([tag("p", hint, class_="hint"), tag("div", sortable(head, rows), class_="card")])


def how_it_was_made(summary: RunSummary) -> Html:
    """Return seconds by stage, reasons, the filled config and the lock."""
    return join(
        [
            _seconds(summary.seconds),
            tag("p", code_words(summary.bottleneck), class_="hint") if summary.bottleneck else None,
            _account(summary.account),
            _reasons(summary),
            _details("The filled config, every default written out", tag("pre", summary.config))
            if summary.config
            else None,
            _details(
                "The lock: what reproduces this run", tag("div", facts(summary.lock), class_="card")
            )
            if summary.lock
            else None,
        ]
    )


def _feature_row(
    name: str, type_name: str, found: Mapping[str, Any], counts: Sequence[str]
) -> Html:
    rest = {key: value for key, value in found.items() if not key.startswith("n_")}
    more = tag("details", tag("summary", "show"), facts(rest)) if rest else ""
    return tag(
        "tr",
        cell(name),
        cell(type_name),
        *(cell(_count(found, key), is_number=True) for key in counts),
        tag("td", more),
    )


def _output_type(summary: RunSummary, name: str) -> str:
    output = summary.outputs.get(name)
    return f"{output.type} (output)" if output else ""


def _seconds(seconds: Mapping[str, float]) -> Html | None:
    if not seconds:
        return None
    longest = max(*seconds.values(), 1e-9)
    rows = (
        tag(
            "tr",
            cell(stage),
            tag("td", f"{value:,.2f}", class_="number", data_value=value),
            tag(
                "td",
                tag("span", class_="bar", style=f"width:{100 * value / longest:.1f}%"),
                class_="wide",
            ),
        )
        for stage, value in seconds.items()
    )
    head = tag("tr", header("stage"), header("seconds", is_number=True), tag("th"))
    return tag("div", tag("h3", "Seconds by stage"),
               tag("table", tag("thead", head), tag("tbody", *rows)), class_="card")  # fmt: skip


def _account(account: Mapping[str, float]) -> Html | None:
    """Return what the run came to, earlier stretches of it included."""
    parts = []
    if "cost" in account:
        parts.append(f"{format_value(account['cost'])} at the price declared")
    if "energy_joules" in account:
        parts.append(
            f"{account['energy_joules']:,.0f} J of the processor packages, whoever used them"
        )
    if not parts:
        return None
    words = f"The run came to {account['seconds']:,.1f} s, {' and '.join(parts)}."
    return tag("p", words, class_="hint")


def _reasons(summary: RunSummary) -> Html | None:
    if not summary.reasons:
        return None
    filled = _filled(summary.config)
    rows = (
        tag(
            "tr",
            tag("td", tag("code", key)),
            tag("td", tag("code", _chosen(filled, key), class_="clip")),
            tag("td", why),
        )
        for key, why in summary.reasons.items()
    )
    head = tag("tr", tag("th", "key"), tag("th", "value"), tag("th", "why"))
    table = tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")
    return _details(
        f"What was chosen for you, and why ({len(summary.reasons)})",
        tag("div", table, class_="card"),
    )


def _filled(text: str) -> Any:
    """Return the filled config as plain data; None where there is none to read."""
    from ordain.config import yaml
    from ordain.core.errors import ConfigError

    try:
        return yaml.parse(text, "config").plain() if text else None
    except ConfigError:
        return None


def _chosen(filled: Any, path: str) -> str:
    """Return the value at a dotted path of a config, features by name; a hyphen for none."""
    from ordain.config import emit

    node, left = filled, path
    while left:
        if isinstance(node, list):
            named = [one for one in node if isinstance(one, dict)]
            node = {str(one["name"]): one for one in named if "name" in one}
        keys = node if isinstance(node, dict) else ()
        # Names may hold dots, so that the longest key that fits is taken.
        fitting = [key for key in keys if left == key or left.startswith(f"{key}.")]
        if not fitting:
            return "-"
        key = max(fitting, key=len)
        node, left = node[key], left[len(key) + 1 :]
    return "-" if node is None else str(emit.show(node))


def _details(title: str, content: Html) -> Html:
    return tag("details", tag("summary", title), content)


def _count(found: Mapping[str, Any], key: str) -> int | None:
    """Return a fact that is a count: `n_missing: 3`, or `unparsed: {count: 3, examples: [...]}`."""
    value = found.get(key)
    if isinstance(value, Mapping):
        value = value.get("count")
    elif not key.startswith("n_"):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
