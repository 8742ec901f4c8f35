"""Who is answered by which version, and when a canary is taken out of the traffic."""

from importlib.util import find_spec

from ordain.core.errors import MissingExtraError

if find_spec("msgspec") is None:
    raise MissingExtraError.for_package("msgspec", extra="serve", purpose="a deployment")
