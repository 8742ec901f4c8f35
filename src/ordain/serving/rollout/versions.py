"""From a reference to a version that stays: its label, its bundle and the digest of its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ordain.core.files import read_json
from ordain.store.find import bundle_folder
from ordain.store.registry import open_registry, parse
from ordain.store.registry.bundles import digest_of

_SHORT = 8
_SIGNATURE = "signature.json"


class Version(msgspec.Struct, frozen=True):
    """A version that a deployment serves.

    Attributes:
        label: what answers, metrics and the log call it: the registered number, or the start of
            the digest of a bundle that is not registered.
        reference: as it was declared.
        bundle: folder of the bundle, absolute.
        digest: SHA-256 of the bundle's list of checksums: another digest is another version.
        follows: whether the reference names an alias, which may come to point elsewhere.
    """

    label: str
    reference: str
    bundle: str
    digest: str
    follows: bool = False

    def outputs(self) -> dict[str, list[object] | None] | None:
        """Return the labels of each output, None for one without; None where the bundle is gone."""
        path = Path(self.bundle) / _SIGNATURE
        if not path.exists():
            return None
        found: dict[str, Any] = read_json(path)
        return {output["name"]: output.get("labels") for output in found["outputs"]}


def find_version(reference: str, *, model: str, home: Path, uri: str | None = None) -> Version:
    """Return the version that a reference means now, its bundle at hand.

    Args:
        reference: `churn@champion`, `churn@5`, `churn/5`, a run, or a bundle folder.
        model: name under which it is served.
        home: the work folder.
        uri: of the registry; `ORDAIN_REGISTRY_URI` by default, else the work folder's own.

    Raises:
        UsageError: there is no such version; the message has the nearest.
        BundleError: the bundle is gone, damaged, or another.
    """
    if not Path(reference).exists():
        asked = parse(reference)
        if asked is not None:
            registry = open_registry(home, uri)
            if asked.is_sure or registry.has(asked.name):
                found = registry.fetch(registry.find(asked))
                is_own = found.name == model
                label = str(found.version) if is_own else f"{found.name}/{found.version}"
                folder, digest = found.bundle.absolute(), found.lineage.bundle
                return Version(label, reference, str(folder), digest, asked.alias is not None)
    folder = bundle_folder(reference, home, uri).absolute()
    digest = digest_of(folder)
    return Version(digest[:_SHORT], reference, str(folder), digest)
