"""Signatures of bundles: made, told, refused, and kept by what copies a bundle."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import ordain
from ordain.config import Config
from ordain.core.errors import BundleError, UsageError
from ordain.models.family import Problem
from ordain.store import bundle, signatures, signing
from ordain.store.export.running import graph_loader, write_checked

ANN = ed25519.Ed25519PrivateKey.from_private_bytes(b"a" * 32)
BOB = ed25519.Ed25519PrivateKey.from_private_bytes(b"b" * 32)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = pl.DataFrame({"x": range(200), "y": [i * 2.0 for i in range(200)]})
    config = {
        "name": "line",
        "input_features": {"x": "number"},
        "output_features": {"y": "number"},
        "model_type": "linear",
        "evaluation": {"baselines": False},
    }
    return ordain.train(config, rows, home=tmp_path_factory.mktemp("home")).bundle


@pytest.fixture
def made(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "made" / "bundle"))


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    """A file in which Ann is trusted."""
    path = tmp_path / "signers"
    path.write_text(f"# who may sign\n\n{signing.public_text(ANN)} Ann Example\n")
    return path


def no_passphrase() -> str | None:
    return None


def written(key: Any, form: serialization.PrivateFormat, word: str) -> bytes:
    """Return a private key as a file holds it, encrypted where there is a word."""
    how = (
        serialization.BestAvailableEncryption(word.encode())
        if word
        else serialization.NoEncryption()
    )
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, how))


def pem(key: Any, word: str = "") -> bytes:
    return written(key, serialization.PrivateFormat.PKCS8, word)


def openssh(key: Any, word: str = "") -> bytes:
    return written(key, serialization.PrivateFormat.OpenSSH, word)


def test_signed_bundle_is_trusted_by_whoever_lists_the_signer(made: Path, signers: Path) -> None:
    signing.sign(made, ANN, name="ann@example.org")
    assert ordain.load(made, signers=signers).predict_row({"x": 3}) is not None
    assert ordain.load(made).path == made
    (found,) = signing.check_signatures(
        made, digest=bundle.verify(made), signers=signing.read_signers(signers)
    )
    assert (found.is_valid, found.signer, found.is_of_graph) == (True, "Ann Example", True)


def test_bundle_without_a_signature_is_refused_where_one_is_asked_for(
    made: Path, signers: Path
) -> None:
    ordain.load(made)
    with pytest.raises(BundleError, match=r"no valid signature of a signer of .*it is not signed"):
        ordain.load(made, signers=signers)


def test_signature_of_a_stranger_is_valid_and_not_trusted(made: Path, signers: Path) -> None:
    signing.sign(made, BOB, name="bob")
    with pytest.raises(BundleError, match=r"signed by bob \(SHA256:\S+\), who is not among them"):
        ordain.load(made, signers=signers)
    signing.sign(made, ANN, name="ann")
    assert [one.name for one in signatures.read_signatures(made)] == ["bob", "ann"]
    ordain.load(made, signers=signers)


def test_signing_again_replaces_the_signature_of_the_same_key(made: Path) -> None:
    signing.sign(made, BOB, name="bob")
    signing.sign(made, ANN, name="ann")
    signing.sign(made, BOB, name="robert")
    assert [one.name for one in signatures.read_signatures(made)] == ["ann", "robert"]


def test_flipped_byte_of_a_file_is_refused(made: Path, signers: Path) -> None:
    signing.sign(made, ANN, name="ann")
    raw = bytearray((made / "README.md").read_bytes())
    raw[len(raw) // 2] ^= 1
    (made / "README.md").write_bytes(bytes(raw))
    with pytest.raises(BundleError, match=r"`README.md` differs from what was written"):
        ordain.load(made, signers=signers)
    with pytest.raises(BundleError, match=r"`README.md` differs"):
        signing.sign(made, ANN, name="ann")


def test_bundle_that_was_sealed_anew_after_a_change_is_not_trusted(
    made: Path, signers: Path
) -> None:
    signing.sign(made, ANN, name="ann")
    (made / "README.md").write_text("another model")
    bundle.seal(made)
    ordain.load(made)
    with pytest.raises(BundleError, match="none of its signatures is valid: they are of another"):
        ordain.load(made, signers=signers)


def test_no_byte_of_the_checksums_can_be_flipped(made: Path, signers: Path) -> None:
    signing.sign(made, ANN, name="ann")
    raw = (made / bundle.CHECKSUMS).read_bytes()
    for place in range(0, len(raw), 7):
        for bit in (1, 128):
            flipped = bytearray(raw)
            flipped[place] ^= bit
            (made / bundle.CHECKSUMS).write_bytes(bytes(flipped))
            with pytest.raises(BundleError, match=r"refused|is not a bundle|bundle format|is miss"):
                ordain.load(made, signers=signers)


def test_what_is_said_of_a_signature_is_signed_too(made: Path) -> None:
    signing.sign(made, ANN, name="ann")
    path = made / signatures.SIGNED_BY
    whole = json.loads(path.read_text())
    other = signing.public_text(BOB)
    for key, value in (("name", "eve"), ("time", "2020-01-01T00:00:00Z"), ("key", other),
                       ("graph", "0" * 64), ("signature", "A" * 86 + "==")):  # fmt: skip
        path.write_text(
            json.dumps({"format": 1, "signatures": [{**whole["signatures"][0], key: value}]})
        )
        (found,) = signing.check_signatures(made, digest=bundle.verify(made))
        assert not found.is_valid, key


def test_signature_of_the_checksums_alone_is_none_of_the_bundle(made: Path, signers: Path) -> None:
    signing.sign(made, ANN, name="ann")
    path = made / signatures.SIGNED_BY
    whole = json.loads(path.read_text())
    bare = ANN.sign(bundle.digest(made).encode())
    whole["signatures"][0]["signature"] = base64.b64encode(bare).decode()
    path.write_text(json.dumps(whole))
    with pytest.raises(BundleError, match="none of its signatures is valid"):
        ordain.load(made, signers=signers)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not valid JSON"),
        (b"\xff\x00garbage", "it is not valid JSON"),
        (b"[" * 100_000, "it is not valid JSON"),
        (b" " * 300_000, "it has more than 200,000 bytes"),
        (b"[]", "it is no JSON object"),
        (b"null", "it is no JSON object"),
        (b'{"format": 1, "signatures": []}', "`signatures`"),
        (b'{"format": 2, "signatures": [{}]}', "`format`"),
        (b'{"format": 1, "signatures": {"key": 1}}', "`signatures`"),
        (b'{"format": 1, "signatures": ["ann"]}', r"`signatures.0`"),
        (b'{"format": 1, "signatures": [{"algorithm": "rsa"}]}', r"`signatures.0.algorithm`"),
    ],
)
def test_malformed_file_of_signatures_is_refused(
    made: Path, signers: Path, content: bytes, why: str
) -> None:
    (made / signatures.SIGNED_BY).write_bytes(content)
    for options in ({}, {"signers": signers}):
        with pytest.raises(BundleError, match=f"signed_by.json is malformed: {why}"):
            ordain.load(made, **options)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("key", "ssh-rsa AAAA"),
        ("key", 5),
        ("name", "ann\nname eve"),
        ("name", "\u202eann"),
        ("name", ""),
        ("name", "a" * 300),
        ("time", "today"),
        ("graph", "abc"),
        ("signature", "AAAA"),
        ("signature", None),
        ("more", "x"),
    ],
)
def test_values_of_another_form_are_refused(made: Path, key: str, value: Any) -> None:
    signing.sign(made, ANN, name="ann")
    path = made / signatures.SIGNED_BY
    whole = json.loads(path.read_text())
    whole["signatures"][0][key] = value
    path.write_text(json.dumps(whole))
    with pytest.raises(BundleError, match=rf"is malformed: `signatures.0.{key}`"):
        bundle.verify(made)


def test_only_the_one_file_at_the_top_may_be_added(made: Path) -> None:
    signing.sign(made, ANN, name="ann")
    assert sorted(path.name for path in made.parent.iterdir()) == ["bundle"], "nothing is left"
    for name in (signatures.SIGNED_BY, bundle.CHECKSUMS):
        foreign = made / "model" / name
        foreign.write_text((made / name).read_text())
        with pytest.raises(BundleError, match=f"`model/{name}` was added"):
            bundle.verify(made)
        foreign.unlink()


@pytest.mark.parametrize("form", [pem, openssh])
def test_encrypted_key_opens_with_its_passphrase_alone(
    form: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_bytes(form(ANN, "open sesame"))
    opened = signing.read_key(path, lambda: "open sesame")
    assert signing.public_text(opened) == signing.public_text(ANN)
    with pytest.raises(UsageError, match="does not open with this passphrase"):
        signing.read_key(path, lambda: "open barley")
    with pytest.raises(UsageError, match=r"is encrypted.*\n  Fix: set ORDAIN_KEY_PASSPHRASE"):
        signing.read_key(path, no_passphrase)
    path.write_bytes(form(ANN))
    assert signing.public_text(signing.read_key(path, no_passphrase)) == signing.public_text(ANN)


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for key, kind in (
        (rsa.generate_private_key(65537, 2048), "RSA"),
        (ec.generate_private_key(ec.SECP256R1()), "E"),
    ):
        for form in (pem, openssh):
            path.write_bytes(form(key))
            with pytest.raises(UsageError, match=f"is of the type {kind}.*must be Ed25519"):
                signing.read_key(path, no_passphrase)
    path.write_text(f"{signing.public_text(ANN)} ann\n")
    with pytest.raises(UsageError, match="is a public key"):
        signing.read_key(path, no_passphrase)
    path.write_bytes(b"\x00garbage")
    with pytest.raises(UsageError, match="holds no private key in OpenSSH's form or PEM"):
        signing.read_key(path, no_passphrase)
    with pytest.raises(ordain.StoreError, match="No such file"):
        signing.read_key(tmp_path / "nothing", no_passphrase)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")
def test_key_of_openssh_signs_and_its_pub_file_is_a_line_of_signers(
    made: Path, tmp_path: Path
) -> None:
    key = tmp_path / "id"
    for word in ("", "pass word"):
        key.unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", word, "-C", "ann@host", "-f", str(key)],
            input=b"y\n",
            check=True,
        )
        opened = signing.read_key(key, lambda word=word: word)
        name = signing.name_of_key(key, opened)
        assert name == "ann@host"
        signed = signing.sign(made, opened, name=name)
        listed = subprocess.run(["ssh-keygen", "-lf", str(key)], capture_output=True, check=True)
        assert signing.fingerprint(signed.key) in listed.stdout.decode()
        ordain.load(made, signers=key.with_name("id.pub"))
    assert signing.name_of_key(key, ANN) is None, "the file is of another key"


def test_lines_of_signers_may_be_of_either_form(tmp_path: Path) -> None:
    path = tmp_path / "signers"
    ann, bob = signing.public_text(ANN), signing.public_text(BOB)
    path.write_text(f"{ann} Ann of shop\r\nbob@example.org {bob} a comment\n")
    assert signing.read_signers(path) == {ann: "Ann of shop", bob: "bob@example.org"}
    path.write_text(f"{ann}\n")
    assert signing.read_signers(path) == {ann: signing.fingerprint(ann)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names nobody, so that nothing could be trusted"),
        ("# nobody\n", "names nobody"),
        ("ssh-rsa AAAAB3Nza ann", "line 1: .*does not begin with a key of the type ssh-ed25519"),
        ('{ann} ann\nann valid-before="20200101" {ann}', "line 2: .*options are not read"),
        ('namespaces="git" {ann}', "line 1: .*options are not read"),
        ("cert-authority {ann} ca", "options are not read"),
        ("ssh-ed25519", "line 1: after `ssh-ed25519` stands no public key"),
        ("ssh-ed25519 AAAAC3Nza ann", "stands no public key"),
        ("{ann}AAAA ann", "stands no public key"),
        ("\xff", "cannot be read"),
    ],
)
def test_file_of_signers_that_says_something_else_is_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    path = tmp_path / "signers"
    path.write_bytes(text.replace("{ann}", signing.public_text(ANN)).encode("latin-1"))
    with pytest.raises(UsageError, match=why):
        signing.read_signers(path)
    with pytest.raises(UsageError, match="nothing cannot be read: No such file"):
        signing.read_signers(tmp_path / "nothing")


def test_graph_beside_a_bundle_must_be_signed_as_well(made: Path, signers: Path) -> None:
    signing.sign(made, ANN, name="ann")
    graph = made.parent / bundle.GRAPH
    write_checked(made.parent, b"what would answer in the place of the bundle")
    with pytest.raises(BundleError, match=r"`scores.onnx` beside it, .*is not what was signed"):
        ordain.load(made, signers=signers)
    signing.sign(made, ANN, name="ann")
    signing.require_trusted(made, signers, digest=bundle.verify(made))
    graph.write_bytes(b"another")
    with pytest.raises(BundleError, match="is not what was signed"):
        signing.require_trusted(made, signers, digest=bundle.verify(made))
    with pytest.raises(BundleError, match=r"scores.onnx differs from what was written"):
        signing.sign(made, ANN, name="ann")
    graph.unlink()
    ordain.load(made, signers=signers)


@pytest.mark.slow
def test_copies_keep_their_signatures(made: Path, signers: Path, tmp_path: Path) -> None:
    signing.sign(made, ANN, name="ann")
    ordain.load(ordain.load(made).save(tmp_path / "saved"), signers=signers)
    for name, inside in (("handover", "bundle"), ("runtime", "bundle")):
        found = ordain.export(made, tmp_path / name, format=name).path
        ordain.load(found / inside, signers=signers)
    program = ordain.export(made, tmp_path / "line.pyz", format="runtime").path
    zipfile.ZipFile(program).extractall(tmp_path / "out")
    ordain.load(tmp_path / "out" / "bundle", signers=signers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["docker", "mlflow"])
def test_folders_that_serve_keep_signatures(
    made: Path, signers: Path, tmp_path: Path, name: str
) -> None:
    signing.sign(made, ANN, name="ann")
    folder = ordain.export(made, tmp_path / name, format=name).path
    (found,) = folder.rglob(signatures.SIGNED_BY)
    ordain.load(found.parent, signers=signers)


def test_names_of_signers_can_be_printed(made: Path) -> None:
    for name in ("", "a" * 201, "ann\nbob"):
        with pytest.raises(UsageError, match="the name of a signer must have 1 to 200 characters"):
            signing.sign(made, ANN, name=name)
    signing.sign(made, ANN, name="Änn Þór 安 <ann@example.org>")
    (found,) = signing.check_signatures(made, digest=bundle.verify(made))
    assert found.is_valid


def while_signers_are_read(path: Path, text: str, change: Callable[[], object]) -> threading.Thread:
    """Let something happen in the middle of loading: signers are a pipe that waits to be read."""
    os.mkfifo(path)

    def told() -> None:
        with path.open("w") as pipe:
            change()
            pipe.write(text)

    thread = threading.Thread(target=told)
    thread.start()
    return thread


@pytest.fixture
def forged(made: Path, tmp_path: Path) -> Path:
    """Another bundle, beside which lie the signatures of the one that was signed."""
    signing.sign(made, ANN, name="ann")
    other = Path(shutil.copytree(made, tmp_path / "forged" / "bundle"))
    (other / "README.md").write_text("another model")
    bundle.seal(other)
    return other


def test_link_that_points_elsewhere_once_it_was_checked_changes_nothing(
    made: Path, forged: Path, signers: Path, tmp_path: Path
) -> None:
    link, pipe = tmp_path / "current", tmp_path / "pipe"
    link.symlink_to(made)

    def flip() -> None:
        link.unlink()
        link.symlink_to(forged)

    thread = while_signers_are_read(pipe, signers.read_text(), flip)
    loaded = ordain.load(link, signers=pipe)
    thread.join()
    assert loaded.path == made.resolve()


def test_bundle_that_is_exchanged_while_it_is_loaded_is_refused(
    made: Path, forged: Path, signers: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"

    def exchange() -> None:
        made.rename(tmp_path / "away")
        forged.rename(made)

    thread = while_signers_are_read(pipe, signers.read_text(), exchange)
    with pytest.raises(BundleError, match="was changed since it was checked; the bundle is refu"):
        ordain.load(made, signers=pipe)
    thread.join()


def test_graph_that_appears_after_the_signatures_were_checked_is_refused(
    made: Path, signers: Path
) -> None:
    signing.sign(made, ANN, name="ann")
    digest = bundle.verify(made)
    assert signing.require_trusted(made, signers, digest=digest) == frozenset()
    write_checked(made.parent, b"what would answer in the place of the bundle")
    signing.sign(made, ANN, name="ann")
    signed = signing.require_trusted(made, signers, digest=digest)
    assert signed == {hashlib.sha256((made.parent / bundle.GRAPH).read_bytes()).hexdigest()}
    write_checked(made.parent, b"what came later, with a checksum of its own")
    load = graph_loader(made.parent / bundle.GRAPH, digest, signed=signed)
    document = Config.load(made / "config.yaml", is_sealed=True).document
    with pytest.raises(BundleError, match=r"scores.onnx is not what was signed with the bundle"):
        load(document, Problem((), ()))


@pytest.mark.parametrize("name", ["signed_by.json", "checksums.json", "README.md", "model/pipe"])
def test_pipe_in_the_place_of_a_file_is_refused(made: Path, name: str) -> None:
    signing.sign(made, ANN, name="ann")
    (made / name).unlink(missing_ok=True)
    os.mkfifo(made / name)
    why = {"checksums.json": "is not a bundle", "model/pipe": "`model/pipe` was added"}
    with pytest.raises(BundleError, match=why.get(name, "no regular file")):
        ordain.load(made)


@pytest.mark.parametrize("name", [bundle.GRAPH, f"{bundle.GRAPH}.sha256"])
def test_pipe_in_the_place_of_a_graph_is_refused(made: Path, signers: Path, name: str) -> None:
    signing.sign(made, ANN, name="ann")
    write_checked(made.parent, b"graph")
    (made.parent / name).unlink()
    os.mkfifo(made.parent / name)
    with pytest.raises(BundleError, match=rf"{name} is no regular file"):
        ordain.load(made)
    with pytest.raises(BundleError, match=r"is no regular file|is not what was signed"):
        ordain.load(made, signers=signers)


def test_links_are_foreign_to_a_bundle(made: Path, tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "nothing"):
        (made / "link").symlink_to(target)
        with pytest.raises(BundleError, match="`link` was added"):
            bundle.verify(made)
        (made / "link").unlink()
    (made / signatures.SIGNED_BY).symlink_to(tmp_path / "nothing")
    with pytest.raises(BundleError, match="is malformed: it is no regular file"):
        bundle.verify(made)
