"""Text models of Hugging Face: their configuration, keys and weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordain.core.diagnostics import nearest
from ordain.core.errors import MissingExtraError, UsageError
from ordain.core.files import read_json
from ordain.features.hub import hub_keys, why_not_found

if TYPE_CHECKING:
    from torch import nn

_PURPOSE = "a pretrained text encoder"


def architecture_of(path: str) -> str | None:
    """Return the `model_type` that a folder names, or None for a hub name."""
    file = Path(path) / "config.json"
    return str(read_json(file).get("model_type")) if file.is_file() else None


def check_keys(keys: Mapping[str, Any], architecture: str, *, type_name: str) -> None:
    """Check the keys of an architecture against its configuration class.

    Raises:
        ValueError: a key is unknown, with the nearest name, or a value is refused.
    """
    config_class = _config_class(architecture)
    known = {*config_class().to_dict(), *config_class.attribute_map}
    for key in keys:
        if key not in known:
            close = nearest(key, known)
            hint = f" Did you mean '{close}'?" if close else ""
            msg = f"unknown key '{key}' of encoder '{type_name}'.{hint}"
            raise ValueError(msg)
    try:
        config_class(**keys)
    except Exception as error:  # the library raises types of its own
        reason = str(error).strip().splitlines()[-1].strip()
        msg = f"encoder '{type_name}' refuses {dict(keys)}: {reason}"
        raise ValueError(msg) from error


def read_config(
    path: str | None, architecture: str | None, *, keys: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration as plain data: of a folder or hub name, or the architecture's own.

    Raises:
        UsageError: nothing is found under the name, or it is of another architecture.
        MissingExtraError: transformers is not installed.
    """
    transformers = _library()
    if path is None:
        assert architecture is not None, "either a name or an architecture is given"
        config = _config_class(architecture)(**keys)
    else:
        with hub_keys(path) as where:
            try:
                config = transformers.AutoConfig.from_pretrained(path, **where, **keys)
            except (OSError, ValueError) as error:
                raise _not_found(path, error, is_offline=bool(where)) from error
        if architecture is not None and config.model_type != architecture:
            raise UsageError(
                f"'{path}' holds a model of type '{config.model_type}', and the encoder is of type "
                f"'{architecture}'.\n  Fix: type: auto_transformer"
            )
    plain = config.to_dict()
    # These say where the file came from and by whom it was written: no part of the model.
    for key in ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype"):
        plain.pop(key, None)
    return dict(plain)


def make_model(config: Mapping[str, Any], *, path: str | None) -> nn.Module:
    """Return the encoder of a model: with the weights under a name, or freshly drawn.

    Raises:
        UsageError: the weights cannot be found or read.
    """
    import torch

    transformers = _library()
    settings = _config_class(str(config["model_type"])).from_dict(dict(config))
    with _quiet():
        if path is None:
            model = transformers.AutoModel.from_config(settings, dtype=torch.float32)
        else:
            with hub_keys(path) as where:
                try:
                    model = transformers.AutoModel.from_pretrained(
                        path, config=settings, dtype=torch.float32, **where
                    )
                except (OSError, ValueError) as error:
                    raise _not_found(path, error, is_offline=bool(where)) from error
    if getattr(settings, "is_encoder_decoder", False):
        model = model.get_encoder()
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # no output reads it, so nothing would teach it
    return model  # type: ignore[no-any-return]


def _config_class(architecture: str) -> Any:
    return _library().CONFIG_MAPPING[architecture]


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError.for_package(
            "transformers", extra="text", purpose=_PURPOSE
        ) from error
    return transformers


def _not_found(path: str, error: Exception, *, is_offline: bool) -> UsageError:
    reason = why_not_found(path, error, is_offline=is_offline)
    return UsageError(
        f"no model can be read from `pretrained_model_name_or_path` '{path}': {reason}\n"
        "  Fix: give a folder with config.json and weights, or a name of the Hugging Face hub"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from printing bars and reports of its own while it loads."""
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
