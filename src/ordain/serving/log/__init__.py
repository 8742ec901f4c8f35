"""What was predicted, kept so that it survives, and what came true of it."""

from importlib.util import find_spec

from ordain.core.errors import MissingExtraError

if find_spec("msgspec") is None:
    raise MissingExtraError.for_package("msgspec", extra="serve", purpose="the prediction log")
