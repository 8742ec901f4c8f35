"""`ordain sign` and `ordain verify`: what they print, and the codes they end with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ordain
from commands_here import run
from ordain.store import signing
from ordain.store.export.running import write_checked

ANN = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
BOB = Ed25519PrivateKey.from_private_bytes(b"b" * 32)


@pytest.fixture
def folder(work_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a run, a key `ann`, another, `bob`, with a passphrase, and `signers`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDAIN_USER", "ann of the shop")
    ordain.train(
        {
            "name": "line",
            "input_features": {"x": "number"},
            "output_features": {"y": "number"},
            "model_type": "linear",
            "evaluation": {"baselines": False},
        },
        {"x": list(range(100)), "y": [2.0 * i for i in range(100)]},
    )
    for name, key, how in (
        ("ann", ANN, serialization.NoEncryption()),
        ("bob", BOB, serialization.BestAvailableEncryption(b"open sesame")),
    ):
        form = serialization.PrivateFormat.OpenSSH
        Path(name).write_bytes(key.private_bytes(serialization.Encoding.PEM, form, how))
    Path("signers").write_text(f"{signing.public_text(ANN)} ann@example.org\n")
    return tmp_path


def test_bundle_is_signed_and_verified(folder: Path) -> None:
    assert "it is not signed" in run("verify", "line").stdout
    refused = run("verify", "line", "--signers", "signers", code=1)
    assert "refused: it is not signed" in refused.stderr
    said = run("sign", "line", "--key", "ann").stdout
    assert "by      ann of the shop, 20" in said
    assert f"next    add to the file of signers: {signing.public_text(ANN)} ann of the shop" in said
    said = run("verify", "line", "--signers", "signers").stdout
    assert "9 files, all as written" in said
    assert "ann@example.org" in said
    told = json.loads(run("verify", "line", "--signers", "signers", "--json").stdout)
    assert told["ok"]
    assert told["reason"] is None
    assert (told["signatures"][0]["signer"], told["signatures"][0]["is_valid"]) == (
        "ann@example.org",
        True,
    )


def test_passphrase_comes_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run("sign", "line", "--key", "bob", code=2).stderr
    assert "Fix: set ORDAIN_KEY_PASSPHRASE in the environment" in refused
    monkeypatch.setenv("ORDAIN_KEY_PASSPHRASE", "wrong")
    assert "does not open" in run("sign", "line", "--key", "bob", code=2).stderr
    monkeypatch.setenv("ORDAIN_KEY_PASSPHRASE", "open sesame")
    told = json.loads(run("sign", "line", "--key", "bob", "--name", "Bob", "--json").stdout)
    assert (told["name"], told["key"]) == ("Bob", signing.public_text(BOB))
    said = run("verify", "line", "--signers", "signers", code=1)
    assert "refused: it is signed by Bob (SHA256:" in said.stderr
    assert "nobody" in said.stdout
    told = json.loads(run("verify", "line", "--signers", "signers", "--json", code=1).stdout)
    assert "who is not among them" in told["reason"]


def test_what_is_wrong_with_a_bundle_is_told(folder: Path) -> None:
    run("sign", "line", "--key", "ann")
    bundle = ordain.load("line").path
    assert bundle is not None
    kept = (bundle / "signed_by.json").read_text()
    (bundle / "signed_by.json").write_text(kept.replace("ann of the shop", "eve of the shop"))
    assert "a signature is not valid" in run("verify", "line", code=1).stderr
    (bundle / "signed_by.json").write_text(kept)
    (bundle / "README.md").write_text("changed")
    for options in ((), ("--signers", "signers")):
        assert "`README.md` differs" in run("verify", "line", *options, code=1).stderr
    assert "`README.md` differs" in run("sign", "line", "--key", "ann", code=1).stderr
    told = json.loads(run("verify", "line", "--json", code=1).stdout)
    assert told["error"]["type"] == "BundleError"


def test_calls_that_cannot_be_met_end_with_2(folder: Path) -> None:
    assert "No such file" in run("sign", "line", "--key", "nothing", code=1).stderr
    assert "is neither a bundle" in run("sign", "nothing", "--key", "ann", code=2).stderr
    assert "cannot be read" in run("verify", "line", "--signers", "nothing", code=2).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_bundle_that_may_not_be_written_is_told_before_the_key_is_asked(folder: Path) -> None:
    bundle = ordain.load("line").path
    assert bundle is not None
    bundle.chmod(0o500)
    assert "before `ordain register`" in run("sign", "line", "--key", "ann", code=2).stderr
    bundle.chmod(0o700)


def test_graph_that_is_not_right_is_told(folder: Path) -> None:
    bundle = ordain.load("line").path
    assert bundle is not None
    write_checked(bundle.parent, b"graph")
    run("verify", "line")
    (bundle.parent / "scores.onnx").write_bytes(b"another")
    assert "scores.onnx differs from what was written" in run("verify", "line", code=1).stderr
    write_checked(bundle.parent, b"graph")
    run("sign", "line", "--key", "ann")
    run("verify", "line")
    write_checked(bundle.parent, b"another")
    assert "no signature is of `scores.onnx`" in run("verify", "line", code=1).stderr


def test_name_of_a_signer_is_text(folder: Path) -> None:
    run("sign", "line", "--key", "ann", "--name", "[/x] [green]ok[/green] :+1:")
    assert "[/x] [green]ok[/green] :+1:" in run("verify", "line").stdout
