"""A training killed at any moment goes on to the same bytes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("train_and_save.py")


def start(folder, saved, *, text):
    command = [sys.executable, str(SCRIPT), str(folder), str(saved), "text" if text else "table"]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def run_to_the_end(folder, saved, *, text):
    process = start(folder, saved, text=text)
    assert process.wait(timeout=120) == 0, process.communicate()[1].decode()
    process.communicate()
    return (saved / "model.safetensors").read_bytes(), (saved / "neural.json").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("text", [False, True], ids=["table", "text"])
def test_killed_training_ends_with_the_same_bytes(tmp_path, text):
    whole = run_to_the_end(tmp_path / "whole", tmp_path / "a", text=text)
    broken, chance, n_killed = tmp_path / "broken", random.Random(4), 0
    for _ in range(4):
        process = start(broken, tmp_path / "b", text=text)
        while not broken.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        n_killed += process.wait() == -signal.SIGKILL
        process.communicate()
    assert n_killed >= 2, "the training is too short to be killed"
    assert run_to_the_end(broken, tmp_path / "b", text=text) == whole
