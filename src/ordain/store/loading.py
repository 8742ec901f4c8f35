"""A model read from its bundle, once every byte and its golden answers are found right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import polars as pl

from ordain.config.document import Document
from ordain.core.errors import BundleError, ConfigError
from ordain.core.files import read_json
from ordain.models.family import FittedModel, Problem
from ordain.store import bundle
from ordain.store.bundle import GOLDEN
from ordain.store.model import Model

LOG = logging.getLogger("ordain.store")


def load(
    reference: Path | str,
    *,
    home: Path | str | None = None,
    registry: str | None = None,
    signers: Path | str | None = None,
) -> Model:
    """Return the model of a reference, after checking every byte and its golden rows.

    Where `export` wrote a network's graph beside the bundle, ONNX Runtime answers and PyTorch is
    not needed.

    Args:
        reference: folder of a bundle; a registered version, as `churn@champion`, `churn/3` or
            `models:/churn@champion`; a run's folder, name, id, or ``latest``.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        registry: URI of an MLflow server or a SQLite file; `ORDAIN_REGISTRY_URI` by default, else
            the work folder's own.
        signers: file of public keys, as in `authorized_keys`: a bundle that none of them has signed
            is refused. None asks for no signature.

    Raises:
        UsageError: neither a bundle, a registered version nor a run; or no such file of signers.
        BundleError: damaged, foreign, of another format, not signed by one of `signers`, or it
            answers its golden rows otherwise.
        MissingExtraError: `signers` need the package `cryptography`, which is not installed.
    """
    from ordain.store.find import bundle_folder

    folder = bundle_folder(reference, home, registry)
    return load_bundle(folder, signers=None if signers is None else Path(signers))


def load_bundle(
    folder: Path,
    *,
    is_light: bool = False,
    signers: Path | None = None,
    digest: str | None = None,
) -> Model:
    """Return the model of a bundle's folder, after checking every byte and its golden rows.

    Args:
        folder: of the bundle.
        is_light: whether the model is to predict above all: a network of numbers and categories
            then needs PyTorch only once it is asked for more, such as to explain.
        signers: as in `load`.
        digest: of its checksums, where it must be a certain bundle.

    Raises:
        BundleError: damaged, foreign, of another format, not signed by one of `signers`, another
            than that of `digest`, or it answers its golden rows otherwise.
    """
    folder = folder.resolve()  # a link may point elsewhere a moment later
    found = bundle.verify(folder)
    if digest is not None and found != digest:
        raise BundleError(
            f"{folder} holds another bundle ({found[:12]}) than the one that is meant "
            f"({digest[:12]}); it is refused\n"
            "  Fix: put the bundle that was there back, or deploy the one that is there now"
        )
    signed = None
    if signers is not None:
        from ordain.store.signing import require_trusted

        signed = require_trusted(folder, signers, digest=found)
    model = _loaded(folder, digest=found, is_light=is_light, signed=signed)
    if signers is not None:
        _require_same(folder, found)
    return model


def _loaded(folder: Path, *, digest: str, is_light: bool, signed: Collection[str] | None) -> Model:
    """Return the model of a bundle whose bytes are known to be right, by what may answer for it."""
    from ordain.store.golden import check_golden

    graph = _graph_beside(folder, digest, signed)
    problem = ""
    if graph is None and is_light:
        try:
            model = open_unchecked(folder, load_fitted=partial(_light, folder, digest))
            check_golden(model, folder)
        except BundleError as error:  # the whole model has the last word
            problem = error.message
        else:
            return model
    model = open_unchecked(folder, load_fitted=graph)
    check_golden(model, folder)
    if problem:
        engine = model.fitted.engine
        LOG.warning("%s is answered by %s, for its light form fails: %s", folder, engine, problem)
    return model


def _require_same(folder: Path, digest: str) -> None:
    """Refuse a bundle of which anything is not, or not any more, what it was when it was checked.

    Raises:
        BundleError: it was changed, or is gone.
    """
    if bundle.verify(folder) != digest:
        raise BundleError(
            f"{folder} was changed since it was checked; the bundle is refused\n"
            "  Fix: load it again"
        )


def _light(folder: Path, digest: str, document: Document, problem: Problem) -> FittedModel:
    check = partial(_require_same, folder, digest)
    return document.model_type.load_light(folder / "model", problem, check=check)


def _graph_beside(
    folder: Path, digest: str, signed: Collection[str] | None
) -> Callable[[Document, Problem], FittedModel] | None:
    """Return what loads the graph that `export` wrote beside a bundle; None without one."""
    graph = bundle.graph_beside(folder)
    if graph is None:
        return None
    from ordain.store.export.running import graph_loader

    return graph_loader(graph, digest, signed=signed)


def open_unchecked(
    folder: Path, *, load_fitted: Callable[[Document, Problem], FittedModel] | None = None
) -> Model:
    """Return the model of a bundle whose bytes are known to be right.

    Args:
        folder: of the bundle.
        load_fitted: gives what predicts; the family reads its own weights by default.
    """
    from ordain.config import Config
    from ordain.config.bind import settle
    from ordain.features.store import load_encodings
    from ordain.store.decisions import load_decisions
    from ordain.store.problem import build_problem

    try:
        document, _ = settle(Config.load(folder / "config.yaml", is_sealed=True).document)
    except ConfigError as error:
        raise BundleError(
            f"{folder} cannot be read by this version, or names components that are not "
            f"registered here\n{error.message}",
            diagnostics=error.diagnostics,
        ) from error
    try:
        encodings = load_encodings(folder)
        problem = build_problem(document, encodings)
    except (KeyError, ValueError) as error:
        raise BundleError(
            f"{folder}: the fitted features do not fit the config: {error}"
        ) from error
    if load_fitted is None:
        fitted = document.model_type.load(folder / "model", problem)
    else:
        fitted = load_fitted(document, problem)
    columns = [column["name"] for column in read_json(folder / "signature.json")["columns"]]
    kept = pl.read_parquet_schema(folder / GOLDEN)
    schema = {name: kept[name] for name in columns}
    return Model(
        document,
        encodings,
        fitted=fitted,
        input_schema=schema,
        path=folder,
        decisions=load_decisions(folder),
    )
