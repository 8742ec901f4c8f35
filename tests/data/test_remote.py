"""Files elsewhere: a real S3 protocol server, and http servers that behave well and badly."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ordain.core.errors import DataError, UsageError
from ordain.data import open_source, read_table
from ordain.data.remote.options import polars_options, settle_options

N_COLUMNS = 12
WIDE = pl.DataFrame(
    {f"c{i}": np.random.default_rng(i).random(60_000) for i in range(N_COLUMNS)}
    | {"day": ["monday", "friday"] * 30_000}
)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("wide") / "wide.parquet"
    WIDE.write_parquet(path)
    return path.read_bytes()


class Site:
    """An http server on the loopback that counts what it sends, and fails as it is told."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.has_ranges = True
        self.failures: list[int | str] = []
        self.requests: list[dict[str, str]] = []
        self.sent = 0
        site = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                site.requests.append(dict(self.headers))
                data = site.files.get(self.path.partition("?")[0])
                fault = site.failures.pop(0) if site.failures else None
                if isinstance(fault, int) or data is None:
                    self.send_error(fault if isinstance(fault, int) else 404)
                    return
                self._send(data, cuts=fault == "cut")

            def _send(self, data: bytes, *, cuts: bool) -> None:
                span = re.match(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
                start, stop = 0, len(data)
                if span and site.has_ranges:
                    first, last = span.groups()
                    start = int(first) if first else max(0, stop - int(last))
                    stop = min(stop, int(last) + 1) if first and last else stop
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(stop - start))
                self.send_header("ETag", f'"{hash(data) & 0xFFFF}"')
                self.end_headers()
                body = data[start : (start + stop) // 2 if cuts else stop]
                site.sent += len(body)
                # A caller may have seen what it wanted in the headers.
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def read(reference: Any, **options: Any) -> pl.DataFrame:
    return read_table(open_source(reference, **options)).frame.collect()


def test_parquet_behind_http_is_read_by_column(site: Site, wide: bytes) -> None:
    site.files["/a%20b/wide.parquet"] = wide
    table = read_table(open_source(f"{site.url}/a%20b/wide.parquet"))
    column = table.column("c3")
    assert column.to_list() == WIDE["c3"].to_list()
    assert site.sent < len(wide) / 4
    assert table.n_rows == 60_000
    assert table.report.details["read"] == "by column, where it is"
    assert_frame_equal(table.frame.collect(), WIDE)


def test_column_comes_over_the_network_once(site: Site, wide: bytes) -> None:
    site.files["/wide.parquet"] = wide
    table = read_table(open_source(f"{site.url}/wide.parquet"))
    first = table.column("c3")
    n_requests = len(site.requests)
    assert table.column("c3").equals(first)
    found = table.frame.filter(pl.col("c3") > 0.5).select("c3").head(10).collect()
    assert found["c3"].to_list() == WIDE.filter(pl.col("c3") > 0.5)["c3"].head(10).to_list()
    assert len(site.requests) == n_requests
    assert table.frame.select(pl.len()).collect().item() == 60_000


def test_fetched_file_and_its_blocks_are_put_where_they_are_to_be(
    site: Site, tmp_path: Path
) -> None:
    text = "a,b\n" + "".join(f"{i},{i / 8}\n" for i in range(5000))
    site.files["/a.csv"] = text.encode()
    source = open_source(f"{site.url}/a.csv")
    source.spill_into(tmp_path, from_bytes=1, block_bytes=4096)
    before = source.fingerprint()
    assert [path.name for path in tmp_path.rglob("*.csv")] == ["a.csv"]
    frame, report = source.scan()
    assert source.is_spilled
    assert len(list(tmp_path.rglob("*.arrow"))) > 5
    assert frame.select(pl.col("a").sum()).collect().item() == sum(range(5000))
    source.clear()
    assert list(tmp_path.iterdir()) == []
    assert source.fingerprint() == before
    assert report.n_rows == 5000


def test_fetched_text_is_kept_by_column_and_then_deleted(site: Site, tmp_path: Path) -> None:
    site.files["/a.csv"] = b"a\n1\n2\n"
    table = read_table(open_source(f"{site.url}/a.csv"), cache_folder=tmp_path)
    assert table.column("a").to_list() == [1, 2]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_fetched_parquet_stays_while_the_process_reads_it(site: Site, tmp_path: Path) -> None:
    site.has_ranges = False
    WIDE.head(5).write_parquet(tmp_path / "small.parquet")
    site.files["/a.parquet"] = (tmp_path / "small.parquet").read_bytes()
    source = open_source(f"{site.url}/a.parquet")
    table = read_table(source, cache_folder=tmp_path)
    source.clear()
    del source
    assert table.column("day").to_list() == WIDE["day"].head(5).to_list()


def test_pattern_behind_a_url_is_refused() -> None:
    with pytest.raises(UsageError, match=r"s3://a/\*\.csv is a pattern, and a url names one file"):
        open_source("s3://a/*.csv")


def test_column_that_can_no_longer_be_read_says_so(site: Site, wide: bytes) -> None:
    site.files["/wide.parquet"] = wide
    table = read_table(open_source(f"{site.url}/wide.parquet?token=abc"))
    site.files.clear()
    with pytest.raises(Exception, match=r"wide.parquet\?token=\*\*\* cannot be read: ") as found:
        table.column("c3")
    assert isinstance(found.value, DataError)


def test_parquet_is_fetched_whole_where_the_server_has_no_ranges(site: Site, wide: bytes) -> None:
    site.files["/wide.parquet"], site.has_ranges = wide, False
    table = read_table(open_source(f"{site.url}/wide.parquet"))
    assert table.column("c3").to_list() == WIDE["c3"].to_list()
    assert "read" not in table.report.details


def test_fingerprint_of_parquet_read_by_column_changes_with_its_content(
    site: Site, wide: bytes
) -> None:
    site.files["/wide.parquet"] = wide
    first = open_source(f"{site.url}/wide.parquet").fingerprint()
    assert open_source(f"{site.url}/wide.parquet").fingerprint() == first
    site.files["/wide.parquet"] = bytes([*wide[:100], wide[100] ^ 1]) + wide[101:]
    assert open_source(f"{site.url}/wide.parquet").fingerprint() != first


def test_parquet_that_does_not_end_as_such_is_refused(site: Site, wide: bytes) -> None:
    site.files["/wide.parquet"] = wide[:-10]
    with pytest.raises(DataError, match="is not valid Parquet: it does not end in 'PAR1'"):
        read(f"{site.url}/wide.parquet")


def test_server_faults_that_pass_are_waited_out(site: Site) -> None:
    site.files["/a.csv"], site.failures = b"x,y\n1,2\n", [503, "cut"]
    assert read(f"{site.url}/a.csv").rows() == [(1, 2)]
    assert len(site.requests) == 3


@pytest.mark.parametrize(
    ("fault", "message", "n_requests"),
    [
        pytest.param(
            500,
            r"answered 500 Internal Server Error, 4 times in a row\n  Fix: try again later",
            4,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "cut",
            r"was cut off after 4 of 8 bytes, 4 times in a row\n  Fix: try again on",
            4,
            marks=pytest.mark.slow,
        ),
        (403, r"may not be read \(403\)\n  Fix: give keys that may: .*headers: {Authorization", 1),
        (404, r"is not there \(404\)\n  Fix: check the spelling of the address", 1),
        (418, "answered 418 I'm a [Tt]eapot", 1),
    ],
)
def test_server_faults_that_stay_say_what_to_do(
    site: Site, fault: int | str, message: str, n_requests: int
) -> None:
    site.files["/a.csv"], site.failures = b"x,y\n1,2\n", [fault] * 9
    started = time.monotonic()
    with pytest.raises(DataError, match=message):
        read(f"{site.url}/a.csv")
    assert len(site.requests) == n_requests
    assert time.monotonic() - started < 10


def test_user_of_a_url_and_headers_are_sent_and_not_shown(site: Site) -> None:
    site.files["/a.csv"] = b"x,y\n1,2\n"
    url = f"{site.url}/a.csv".replace("://", "://me:pa%20ss@")
    assert read_table(open_source(url)).report.source.startswith("http://me:***@127")
    assert site.requests[0]["Authorization"] == "Basic bWU6cGEgc3M="
    headers = {"headers": {"Authorization": "Bearer abc"}}
    read(f"{site.url}/a.csv", storage_options=headers)
    assert site.requests[1]["Authorization"] == "Bearer abc"


def test_unknown_option_of_http_is_named() -> None:
    with pytest.raises(UsageError, match=r"may hold `headers`.*and holds `token`"):
        read("http://127.0.0.1:1/a.csv", storage_options={"token": "x"})


class Bucket:
    """A bucket on a server that speaks S3, with a count of what was sent."""

    def __init__(self, server: Any) -> None:
        import boto3

        host, port = server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.requests: list[str] = []
        self.sent = 0
        inner = server._server.app

        def counting(environ: dict[str, Any], start: Any) -> Any:
            def answer(status: str, headers: Any, *rest: Any) -> Any:
                length = int(dict(headers).get("Content-Length", 0))
                self.requests.append(f"{environ['REQUEST_METHOD']} {status}")
                self.sent += length if environ["REQUEST_METHOD"] == "GET" else 0
                return start(status, headers, *rest)

            return inner(environ, answer)

        server._server.app = counting
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="me",
            aws_secret_access_key="hidden",
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="trips")

    @property
    def options(self) -> dict[str, str]:
        return {"endpoint_url": self.endpoint, "key": "me", "secret": "hidden"}

    def put(self, name: str, data: bytes) -> str:
        self.client.put_object(Bucket="trips", Key=name, Body=data)
        self.requests, self.sent = [], 0
        return f"s3://trips/{name}"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    pytest.importorskip("moto", reason="moto serves S3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield Bucket(server)
    server.stop()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.service
def test_parquet_in_s3_is_read_by_column(bucket: Bucket, wide: bytes) -> None:
    url = bucket.put("wide.parquet", wide)
    table = read_table(open_source(url, storage_options=bucket.options))
    assert table.column("day").to_list() == WIDE["day"].to_list()
    assert bucket.sent < len(wide) / 4
    before = bucket.sent
    assert table.column("c3").to_list() == WIDE["c3"].to_list()
    one = len(wide) / N_COLUMNS
    assert 0.8 * one < bucket.sent - before < 1.5 * one


@pytest.mark.service
def test_csv_in_s3_is_fetched_with_the_keys_of_the_environment(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    url = bucket.put("day 1/a.csv", b"x;y\n1;2\n")
    assert read(url, separator=";").rows() == [(1, 2)]


@pytest.mark.service
def test_fingerprint_in_s3_is_that_of_the_version(bucket: Bucket, wide: bytes) -> None:
    options = {"storage_options": bucket.options}
    first = open_source(bucket.put("wide.parquet", wide), **options).fingerprint()
    assert bucket.sent < 1 << 17
    again = open_source(bucket.put("copy.parquet", wide), **options).fingerprint()
    assert first == again
    changed = bytes([*wide[:100], wide[100] ^ 1]) + wide[101:]
    assert open_source(bucket.put("wide.parquet", changed), **options).fingerprint() != first


@pytest.mark.service
@pytest.mark.parametrize("name", ["nothing.csv", "nothing.parquet"])
def test_missing_object_says_so(bucket: Bucket, name: str) -> None:
    with pytest.raises(DataError, match=rf"s3://trips/{name} is not there \(404\)"):
        read(f"s3://trips/{name}", storage_options=bucket.options)


@pytest.mark.service
def test_folder_of_a_bucket_asks_for_a_file(bucket: Bucket) -> None:
    bucket.put("folder/a.parquet", b"")
    with pytest.raises(DataError, match="s3://trips/folder is a folder\n  Fix: name one file"):
        read("s3://trips/folder", format="parquet", storage_options=bucket.options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_endpoint_that_does_not_answer_is_named(name: str) -> None:
    options = {"endpoint_url": "http://127.0.0.1:1", "key": "me", "secret": "hidden"}
    started = time.monotonic()
    with pytest.raises(DataError, match=r"the host '127.0.0.1:1' of s3:.*\n  Fix: check `endpoint"):
        read(f"s3://trips/{name}", storage_options=options)
    assert time.monotonic() - started < 30


def test_refused_object_names_the_keys(site: Site) -> None:
    site.failures = [403] * 20
    options = {"endpoint_url": site.url, "key": "me", "secret": "hidden"}
    site.server.RequestHandlerClass.do_HEAD = site.server.RequestHandlerClass.do_GET
    with pytest.raises(DataError, match=r"s3://trips/a.csv may not be read \(403\)\n.*AWS_ACCESS"):
        read("s3://trips/a.csv", storage_options=options)


def test_options_are_the_same_under_the_names_of_other_tools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = settle_options("s3://b/a", {"key": "k", "secret": "s", "endpoint_url": "http://h"})
    long = {"aws_access_key_id": "k", "secret_access_key": "s", "endpoint": "http://h"}
    assert settle_options("s3://b/a", long) == short
    assert short["region"] == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert settle_options("s3://b/a", {"key": "k", "secret": "s"})["region"] == "eu-central-1"


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("s3://b/a", {"anon": True}, {"aws_skip_signature": "true"}),
        ("s3://b/a", {"endpoint_url": "http://h"},
         {"aws_endpoint_url": "http://h", "aws_allow_http": "true"}),
        ("gs://b/a", {}, {}),
        ("gcs://b/a", {"token": "key.json"}, {"google_service_account": "key.json"}),
        ("az://c/a", {"account_name": "n", "account_key": "k"},
         {"azure_storage_account_name": "n", "azure_storage_account_key": "k"}),
        ("gs://b/a", {"token": "anon"}, None),
        ("s3://b/a", {"profile": "p"}, None),
        ("memory://b/a", {}, None),
        ("https://h/a", {"headers": {}}, None),
    ],
)  # fmt: skip
def test_options_in_the_words_of_polars(url: str, options: Any, expected: Any) -> None:
    found = polars_options(url, options)
    assert found == (None if expected is None else {**expected, "max_retries": 3})


def test_host_that_no_server_knows_is_no_fault_of_the_cache(tmp_path):
    pytest.importorskip("fsspec")
    with pytest.raises(DataError, match=r"the host 'nowhere.invalid' of ftp://nowhere.invalid"):
        read_table(open_source("ftp://nowhere.invalid/a.csv", root=tmp_path))
