"""One set of option names for a store, in the words of fsspec and in those of Polars."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ordain.data.locations import scheme_of

_RETRIES = 3
_TIMEOUT_SECONDS = 20
_PLAIN_REGION = "us-east-1"
_SYNONYMS = {
    "access_key": "key",
    "access_key_id": "key",
    "aws_access_key_id": "key",
    "secret_key": "secret",
    "secret_access_key": "secret",
    "aws_secret_access_key": "secret",
    "session_token": "token",
    "aws_session_token": "token",
    "endpoint": "endpoint_url",
    "aws_endpoint_url": "endpoint_url",
    "region_name": "region",
    "aws_region": "region",
    "anonymous": "anon",
}
_S3_IN_POLARS = {
    "key": "aws_access_key_id",
    "secret": "aws_secret_access_key",
    "token": "aws_session_token",
    "endpoint_url": "aws_endpoint_url",
    "region": "aws_region",
}
_OTHERS_IN_POLARS = {
    "gs": {"token": "google_service_account"},
    "az": {
        "account_name": "azure_storage_account_name",
        "account_key": "azure_storage_account_key",
        "sas_token": "azure_storage_sas_key",
        "tenant_id": "azure_storage_tenant_id",
        "client_id": "azure_storage_client_id",
        "client_secret": "azure_storage_client_secret",
    },
}
_FAMILY = {"gcs": "gs", "abfs": "az", "abfss": "az"}


def settle_options(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a store, with what S3 takes from the environment filled in.

    Keys of S3 are those of `storage_options`, else those that botocore finds (environment,
    profile, role of the machine); where there are none, the store is asked without a signature.
    """
    if scheme_of(url) != "s3":
        return dict(options)
    settled = {_SYNONYMS.get(name, name): value for name, value in options.items()}
    environment = os.environ
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    settled.setdefault("endpoint_url", endpoint)
    settled.setdefault("region", region or (_PLAIN_REGION if settled["endpoint_url"] else None))
    if not settled.get("anon") and "key" not in settled:
        settled |= _found_keys()
    return {name: value for name, value in settled.items() if value is not None}


def fsspec_options(url: str, settled: Mapping[str, Any]) -> dict[str, Any]:
    """Return settled options in the words of fsspec."""
    options = dict(settled)
    if scheme_of(url) != "s3":
        return options
    region = options.pop("region", None)
    client = dict(options.pop("client_kwargs", {}))
    if region:
        client.setdefault("region_name", region)
    config = {
        "connect_timeout": _TIMEOUT_SECONDS,
        "read_timeout": _TIMEOUT_SECONDS,
        "retries": {"max_attempts": _RETRIES},
        **options.pop("config_kwargs", {}),
    }
    return {**options, "client_kwargs": client, "config_kwargs": config}


def polars_options(url: str, settled: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return settled options in the words of Polars; None where one has no word there."""
    scheme = _FAMILY.get(scheme_of(url), scheme_of(url))
    if scheme in ("http", "https"):
        return None if settled else {"max_retries": _RETRIES}
    if scheme != "s3" and scheme not in _OTHERS_IN_POLARS:
        return None
    words = _S3_IN_POLARS if scheme == "s3" else _OTHERS_IN_POLARS[scheme]
    rest = dict(settled)
    if scheme == "gs" and rest.get("token") in ("anon", "cloud", "browser", "cache"):
        return None  # ways of gcsfs to find a key, not the file of one
    translated: dict[str, Any] = {
        words[name]: str(rest.pop(name)) for name in list(rest) if name in words
    }
    if scheme == "s3" and "anon" in rest and rest.pop("anon"):
        translated["aws_skip_signature"] = "true"
    if rest:
        return None
    if translated.get("aws_endpoint_url", "").startswith("http://"):
        translated["aws_allow_http"] = "true"
    return {**translated, "max_retries": _RETRIES}


def _found_keys() -> dict[str, Any]:
    """Return the keys that botocore finds outside the config, or that there are none."""
    try:
        from botocore.session import Session
    except ImportError:  # the store says which package it lacks
        return {}
    found = Session().get_credentials()
    if found is None:
        return {"anon": True}
    keys = found.get_frozen_credentials()
    return {"key": keys.access_key, "secret": keys.secret_key, "token": keys.token}
