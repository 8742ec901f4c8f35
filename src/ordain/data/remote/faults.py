"""What goes wrong between here and a remote file, in words that say how to mend it."""

from __future__ import annotations

from urllib.parse import urlsplit

from ordain.core.errors import DataError
from ordain.data.locations import redact, scheme_of

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or "
    "storage_options: {key: ${KEY}, secret: ${SECRET}}",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS in the environment, or storage_options: {token: FILE}",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY in the environment, or "
    "storage_options: {account_name: NAME, account_key: ${KEY}}",
    "http": "storage_options: {headers: {Authorization: 'Bearer ${TOKEN}'}}",
}
_FAMILY = {"gcs": "gs", "abfs": "az", "abfss": "az", "https": "http"}


def missing(url: str) -> DataError:
    """Return the error of a file that is not there."""
    return DataError(
        f"{redact(url)} is not there (404)\n  Fix: check the spelling of the address, case included"
    )


def refused(url: str, code: int = 403) -> DataError:
    """Return the error of a file that may not be read with the keys given."""
    family = _FAMILY.get(scheme_of(url), scheme_of(url))
    keys = _KEYS.get(family, "the keys of the store in `storage_options`")
    return DataError(f"{redact(url)} may not be read ({code})\n  Fix: give keys that may: {keys}")


def unreachable(url: str, reason: object, *, endpoint: str = "") -> DataError:
    """Return the error of a host that does not answer."""
    address = urlsplit(endpoint or url)
    place = address.hostname or ""
    if address.port:
        place += f":{address.port}"
    reason = getattr(reason, "strerror", None) or reason
    fix = "`endpoint_url`" if endpoint else "the address"
    return DataError(
        f"the host '{place}' of {redact(url)} cannot be reached: {reason}\n"
        f"  Fix: check {fix}, and that the host is up and can be reached from here"
    )


def answered(url: str, status: str, *, tries: int = 1) -> DataError:
    """Return the error of a server that fails, again and again."""
    times = f", {tries} times in a row" if tries > 1 else ""
    return DataError(
        f"{redact(url)} answered {status}{times}\n  Fix: try again later, or ask who runs the host"
    )


def cut_off(url: str, got: int, expected: int, *, tries: int) -> DataError:
    """Return the error of a body that ended early each time."""
    return DataError(
        f"{redact(url)} was cut off after {got:,} of {expected:,} bytes, {tries} times in a row\n"
        "  Fix: try again on a steadier connection, or fetch the file and name its path"
    )


def unreadable(url: str, error: BaseException) -> DataError:
    """Return the error of a remote file in the words of the library that read it, shortened."""
    first = str(error).strip().splitlines() or [type(error).__name__]
    text = first[0].replace(url, redact(url))[:300]
    return DataError(
        f"{redact(url)} cannot be read: {text}\n"
        "  Fix: check the address and `storage_options`, or fetch the file and name its path"
    )
