"""Rules on which rows learn: the shares of the sets, folds, balancing of classes, sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ordain.config.codes import fault
from ordain.config.document import AUTO, Preprocessing
from ordain.config.draft import Draft
from ordain.config.located import Path
from ordain.core.diagnostics import Diagnostic
from ordain.data.shares import HELD_OUT

_TOLERANCE = 1e-6


def shares_add_up(draft: Draft) -> Iterator[Diagnostic]:
    """Yield the fault of shares that do not sum to 1, with those that do."""
    path = ("preprocessing", "split", "probabilities")
    node = draft.root.at(path)
    if node is None or not node.is_list:
        return
    shares = node.plain()
    if not shares or not all(
        isinstance(s, int | float) and not isinstance(s, bool) for s in shares
    ):
        return
    total = sum(shares)
    if len(shares) == 2 and abs(total - 1) <= _TOLERANCE:  # noqa: PLR2004
        _say_three_shares(draft, path, shares)
    others = [d for d in draft.faults if d.path[: len(path)] == path]
    if total <= 0 or abs(total - 1) <= _TOLERANCE or any(d.code != "E210" for d in others):
        return
    # The splitter's own rule says the same without the shares to write.
    draft.faults = [d for d in draft.faults if d not in others]
    scaled = [round(share / total, 4) for share in shares]
    yield fault(
        "E303",
        f"the shares of the split add up to {total:.6g}, not to 1",
        path,
        draft.root.mark_of(path),
        fix=f"probabilities: {scaled}",
    )


def _say_three_shares(draft: Draft, path: Path, shares: Sequence[float]) -> None:
    """Have the fault of two shares say three: a part of the training rows validates."""
    train, test = shares
    held = round(train * HELD_OUT, 6)
    fix = f"probabilities: [{train - held:.6g}, {held:.6g}, {test:.6g}]"
    draft.faults = [replace(d, fix=fix) if d.path == path else d for d in draft.faults]


def repeats_need_folds(draft: Draft) -> Iterator[Diagnostic]:
    """Yield the fault of dealing rows anew to folds that there are none of."""
    block: Any = draft.blocks.get("preprocessing")
    split = getattr(block, "split", None)
    if getattr(split, "repeats", 1) == 1 or getattr(split, "k_fold", None) is not None:
        return
    path = ("preprocessing", "split", "repeats")
    yield fault(
        "E210",
        "`repeats` has no meaning without `k_fold`",
        path,
        draft.root.mark_of_key(path),
        allowed="It says how often rows are dealt to folds anew.",
        fix="add `k_fold: 5`",
    )


def balancing_is_one_way(draft: Draft) -> Iterator[Diagnostic]:
    """Yield the faults of keys that balance or sample in two ways, or without classes."""
    block: Any = draft.blocks.get("preprocessing")
    if not isinstance(block, Preprocessing):
        return
    over, under = block.oversample_minority, block.undersample_majority
    if over is not None and under is not None:
        path = ("preprocessing", "undersample_majority")
        yield fault(
            "E309",
            "`oversample_minority` and `undersample_majority` exclude each other",
            path,
            draft.root.mark_of_key(path),
            fix="keep one of the two",
        )
    elif over is not None or under is not None:
        yield from _balancing_has_classes(
            draft, "oversample_minority" if over else "undersample_majority"
        )
    if block.sample_size is not None and block.sample_ratio != 1:
        path = ("preprocessing", "sample_size")
        yield fault(
            "E309",
            "`sample_ratio` and `sample_size` exclude each other",
            path,
            draft.root.mark_of_key(path),
            fix="keep one of the two",
        )


def _balancing_has_classes(draft: Draft, key: str) -> Iterator[Diagnostic]:
    outputs = draft.outputs or []
    has_classes = [o for o in outputs if o.type in {"binary", "category", AUTO}]
    if outputs and (len(outputs) > 1 or not has_classes):
        path = ("preprocessing", key)
        yield fault(
            "E310",
            f"`{key}` needs one output with classes",
            path,
            draft.root.mark_of_key(path),
            allowed="It balances the classes of a single `binary` or `category` output.",
            fix="remove it, or use `class_weights` of an output",
        )
