"""What holds a server shut may not come open because a variable is empty."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.config.codes import fault
from ordain.config.draft import Draft
from ordain.core.diagnostics import Diagnostic

_LOCKS = (("auth", "api_keys"), ("auth", "keys_file"), ("trust", "signers"))


def locks_are_set(draft: Draft) -> Iterator[Diagnostic]:
    """Refuse a variable without a value where null lets everybody in, or serves every bundle."""
    for keys in _LOCKS:
        path = ("deployment", *keys)
        node = draft.root.at(path)
        if node is not None and node.value is None and "${" in (node.raw or ""):
            yield fault(
                "E206",
                f"`{keys[-1]}` is {node.raw}, which is empty here",
                path,
                node.mark,
                allowed="A variable may not open what it is to close; only a null that is written "
                "in the document may.",
                fix="set the variable, or leave the key out",
            )
