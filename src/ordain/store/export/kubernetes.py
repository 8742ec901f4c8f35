"""What a cluster is told of a container that serves: a Deployment, a Service, and where keys are.

Memory is bounded by the size of the bundle: a server holds its weights, those of the version that
takes its place, and what reading them needs.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

_MEBI = 1 << 20
_BASE_MEBI, _COPIES = 256, 3
_DRAIN_SECONDS, _LEAVE_SECONDS = 30, 5
_USER = 10_001
_MOST_LETTERS = 57


def manifest(name: str, *, port: int, n_bytes: int, command: list[str]) -> str:
    """Return the manifest of a server, as YAML that `kubectl apply` reads.

    Args:
        name: of the model.
        port: that the server listens on.
        n_bytes: of the bundle and the graph beside it.
        command: of the container, without the file of keys.
    """
    own = dns_name(name)
    labels = {"app.kubernetes.io/name": own}
    parts = [_deployment(own, labels, port=port, n_bytes=n_bytes, command=command),
             _service(own, labels)]  # fmt: skip
    text = yaml.dump_all(parts, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1_000)
    return _HEAD.format(name=own) + text


def dns_name(name: str) -> str:
    """Return a name as a cluster allows it: small letters, digits and hyphens, 57 at most."""
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:_MOST_LETTERS].rstrip("-")
    return plain if plain[:1].isalpha() else f"model-{plain}".rstrip("-")


def user() -> int:
    """Return the number of the user that serves in the image."""
    return _USER


class _Plain(yaml.SafeDumper):
    """Writes equal labels out at each place, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return that nothing is an alias."""
        del data
        return True


def _deployment(
    name: str, labels: dict[str, str], *, port: int, n_bytes: int, command: list[str]
) -> dict[str, Any]:
    pod = {
        "terminationGracePeriodSeconds": _DRAIN_SECONDS + _LEAVE_SECONDS + 5,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(name, port=port, n_bytes=n_bytes, command=command)],
        "volumes": [
            {"name": "keys", "secret": {"secretName": f"{name}-keys", "defaultMode": 0o440}},
            {"name": "home", "emptyDir": {}},
            {"name": "scratch", "emptyDir": {}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _container(name: str, *, port: int, n_bytes: int, command: list[str]) -> dict[str, Any]:
    memory = _BASE_MEBI + _COPIES * math.ceil(n_bytes / _MEBI)
    return {
        "name": "server",
        "image": f"{name}:latest",
        "imagePullPolicy": "IfNotPresent",
        # A folder and not a single file: only then does a changed secret reach the server.
        "command": [*command, "--keys", "/keys/keys.json"],
        "ports": [{"name": "http", "containerPort": port}],
        "startupProbe": _probe("/readyz", every=2, failures=60),
        "readinessProbe": _probe("/readyz", every=2, failures=2),
        "livenessProbe": _probe("/livez", every=10, failures=3),
        "resources": {
            "requests": {"cpu": "500m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{2 * memory}Mi"},
        },
        # The pod leaves the Service while this waits; then the server drains what it accepted.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_LEAVE_SECONDS)]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "keys", "mountPath": "/keys", "readOnly": True},
            {"name": "home", "mountPath": "/app/home"},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - inside of the container
        ],
    }


def _probe(path: str, *, every: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": every,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _service(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


_HEAD = """# Before: build and push the image, name it under `image` as the cluster finds it; then
#   kubectl create secret generic {name}-keys --from-file=keys.json
#   kubectl apply -f kubernetes.yaml
# Memory follows from the size of the bundle; a server takes one core at most, so that more
# requests want more replicas.
"""
