"""What the model card says of the data: a card of its own, from what reading and splitting told.

Where rows came from (a name, never a path or an address), under which licence, how many there are,
what every column is and how much of it is missing, how they were split, and the fingerprint by
which the same content is known again.
Source: Gebru et al. 2021, "Datasheets for Datasets".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ordain.evaluation.markdown import code, inline, prose, table
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

MAX_COLUMNS = 100
MAX_UNUSED = 30
MAX_SHARES = 6
MAX_LABELS = 5
UNKNOWN_LICENCE = (
    "Licence: *not known.* Before the model is passed on, write here what the data allows."
)


def data_card(summary: RunSummary) -> str:
    """Return where the data came from, what it holds and how it was split."""
    facts = "\n".join(f"- {line}" for line in _facts(summary))
    columns = _columns(summary)
    split = _split(summary)
    parts = [
        facts,
        *(["### Columns", columns, _unused(summary)] if columns else []),
        *(["### Split", split] if split else []),
    ]
    return "\n\n".join(part for part in parts if part) or "No facts about the data were kept."


def source_name(summary: RunSummary) -> str:
    """Return the name of the source without the way to it; no text where it is not known."""
    source = str(summary.read.get("source") or "")
    if re.match(r"[a-z0-9]+:[^/]*$", source):  # a named data set, such as `dataset:iris`
        return source
    return re.split(r"[/\\]", source.split("?", maxsplit=1)[0].rstrip("/\\"))[-1]


def _facts(summary: RunSummary) -> Iterator[str]:
    read, known = summary.read, summary.lock.get("data") or {}
    details = read.get("details") or {}
    name = source_name(summary)
    if name:
        title = details.get("title")
        kind = f" ({inline(read['format'])})" if read.get("format") else ""
        yield f"Source: {code(name)}{kind}" + (f", {inline(title)}." if title else ".")
    licence = details.get("licence")
    yield f"Licence: {inline(licence)}." if licence else UNKNOWN_LICENCE
    n_rows = known.get("rows", read.get("n_rows"))
    n_columns = len(known.get("columns") or ())
    if n_rows is not None:
        columns = f", {n_columns:,} columns" if n_columns else ""
        left_out = (details.get("sample") or {}).get("rows_left_out")
        rest = f"; {left_out:,} more were left out by sampling" if left_out else ""
        yield f"Size: {n_rows:,} rows{columns}{rest}."
    for problem in read.get("problems") or ():
        words = str(problem.get("kind", "")).replace("_", " ")
        yield f"While reading: {problem.get('count', 0):,} {inline(words)}."
    if known.get("fingerprint"):
        yield f"Fingerprint of the content: {code(known['fingerprint'])}."


def _columns(summary: RunSummary) -> str:
    """Return a row for each column that the model reads or predicts."""
    stored: Mapping[str, str] = (summary.lock.get("data") or {}).get("columns") or {}
    has_stored = any(name in stored for name in summary.features)
    rows = [
        [
            code(name),
            _role(summary, name),
            *([code(stored[name]) if name in stored else "-"] if has_stored else []),
            _missing(facts),
            _content(facts),
        ]
        for name, facts in list(summary.features.items())[:MAX_COLUMNS]
    ]
    if not rows:
        return ""
    head = ["column", "used as", *(["stored as"] if has_stored else []), "missing", "content"]
    more = len(summary.features) - len(rows)
    words = "Counted on the training rows." + (f" And {more:,} more columns." if more else "")
    return "\n\n".join([table(head, rows, n_text=len(head)), words])


def _role(summary: RunSummary, name: str) -> str:
    output = summary.outputs.get(name)
    return f"target, {output.type}" if output else summary.inputs.get(name, "-")


def _missing(facts: Mapping[str, Any]) -> str:
    n_missing, n_rows = facts.get("n_missing"), facts.get("n_rows")
    if not isinstance(n_missing, int) or not isinstance(n_rows, int) or not n_rows:
        return "-"
    return f"{n_missing:,} ({n_missing / n_rows:.1%})" if n_missing else "0"


def _content(facts: Mapping[str, Any]) -> str:
    """Return the range of a number, the commonest labels of words; else a dash."""
    top = facts.get("top")
    if isinstance(top, Mapping) and top:
        labels = ", ".join(inline(label) for label in list(top)[:MAX_LABELS])
        n_labels = facts.get("n_labels")
        count = f"{n_labels:,} labels: " if isinstance(n_labels, int) else ""
        n_more = (n_labels if isinstance(n_labels, int) else len(top)) - MAX_LABELS
        return f"{count}{labels}{', ...' if n_more > 0 else ''}"
    low, high, mean = (facts.get(key) for key in ("min", "max", "mean"))
    if isinstance(low, int | float) and isinstance(high, int | float):
        words = f"{low:.6g} to {high:.6g}"
        return words + (f", mean {mean:.4g}" if isinstance(mean, int | float) else "")
    return "-"


def _unused(summary: RunSummary) -> str:
    stored = (summary.lock.get("data") or {}).get("columns") or {}
    names = [name for name in stored if name not in summary.features]
    if not names:
        return ""
    listed = ", ".join(map(code, names[:MAX_UNUSED]))
    more = f" and {len(names) - MAX_UNUSED:,} more" if len(names) > MAX_UNUSED else ""
    return f"Not used: {listed}{more}."


def _split(summary: RunSummary) -> str:
    sizes = summary.split.get("sizes")
    if not isinstance(sizes, Mapping) or not sizes:
        return ""
    total = sum(sizes.values()) or 1
    balance: Mapping[str, Mapping[str, float]] = summary.split.get("balance") or {}
    columns = list(dict.fromkeys(name for found in balance.values() for name in found))
    columns = columns[:MAX_SHARES]
    is_measured = set(columns) <= {"mean", "std"}
    again = (summary.split.get("duplicates") or {}).get("sets") or {}
    head = [
        "set",
        "rows",
        "share",
        *(f"{name} of target" if is_measured else inline(name) for name in columns),
        *(["rows also in training"] if again else []),
    ]
    rows = [
        [
            inline(name),
            f"{int(size):,}",
            f"{size / total:.1%}",
            *(_target(balance.get(name, {}).get(one), is_measured) for one in columns),
            *([f"{again[name]['rows']:,}" if name in again else "-"] if again else []),
        ]
        for name, size in sizes.items()
    ]
    kind = summary.split.get("type")
    words = [f"By `{kind}`." if kind else ""]
    lost = summary.split.get("rows_without_set")
    words += [f"{lost:,} rows are in no set."] if lost else []
    said = prose(" ".join(word for word in words if word))
    return "\n\n".join(part for part in (table(head, rows), said) if part)


def _target(value: float | None, is_measured: bool) -> str:  # noqa: FBT001 - private
    if value is None:
        return "-"
    return format_value(value) if is_measured else f"{value:.1%}"
