"""Disks that fill up and folders that cannot be written to: a clear error, and nothing is lost."""

import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyengine.recipes import RECIPES, run
from pyengine.train import checkpoint

DIGITS = RECIPES["digits"]
NOBODY = 65534
TRAIN = ["train", "digits", "--hidden", "16", "--save-every", "20", "--quiet"]


def command(*args, most_bytes=None):
    """`pyengine` in a process of its own, in which no file can grow beyond `most_bytes`: as on a disk that is full."""

    def limit():
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    program = [sys.executable, "-P", "-c", "from pyengine.cli import app; app()", *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, preexec_fn=limit, timeout=120, check=False)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def figures(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    return metrics["test_loss"], metrics["steps"], (folder / "model.safetensors").read_bytes()


# a checkpoint has some 17,000 bytes and config.json some 400: that one fits, and the checkpoint ends half-way
@pytest.mark.parametrize("most_bytes", [1000, 8000])
def test_a_write_that_ends_half_way_loses_nothing(tmp_path, most_bytes):
    out = tmp_path / "run"
    assert command(*TRAIN, "--epochs", 2, "--out", out).returncode == 0
    before = contents(out)
    failed = command(*TRAIN, "--epochs", 4, "--out", out, "--resume", most_bytes=most_bytes)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"error: File too large: {out}/checkpoints/step-")
    after = contents(out)
    assert set(after) == set(before)  # no half of a file is left
    changed = {path for path in before if after[path] != before[path]}
    assert changed <= {Path("config.json")}  # which says that four epochs were asked for

    assert command(*TRAIN, "--epochs", 4, "--out", out, "--resume").returncode == 0  # once there is room
    assert command(*TRAIN, "--epochs", 4, "--out", tmp_path / "whole").returncode == 0
    assert figures(out) == figures(tmp_path / "whole")


def test_no_room_for_the_first_file_is_found_out_before_training(tmp_path):
    failed = command(*TRAIN, "--epochs", 1, "--out", tmp_path / "run", most_bytes=10)
    assert failed.returncode == 1
    assert failed.stderr == f"error: File too large: {tmp_path}/run/config.json\n"
    assert contents(tmp_path / "run") == {}


@contextmanager
def no_rights():
    """Nobody's rights: root may write everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if before == 0:
            os.seteuid(before)


@pytest.fixture
def folder():
    """A folder that everybody may enter, which pytest's own is not."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


def test_a_folder_without_the_right_to_write_is_found_out_before_training(folder):
    # Whatever is read from the package, modules and data, is read beforehand: it may lie where nobody else can go.
    settings = DIGITS.defaults.changed(epochs=1, hidden=8)
    run(DIGITS, settings, folder / "before")
    job = DIGITS.build(settings)
    ready = dataclasses.replace(DIGITS, build=lambda settings: job)
    place = folder / "mine"
    place.mkdir(mode=0o555)
    steps = []
    with no_rights(), pytest.raises(PermissionError) as caught:
        run(ready, settings, place, started=steps.append)
    assert caught.value.filename is not None
    assert str(place) in str(caught.value.filename)
    assert not steps
    assert list(place.iterdir()) == []


def test_a_folder_that_may_no_longer_be_written_keeps_its_checkpoints(folder):
    settings = DIGITS.defaults.changed(epochs=1, hidden=8)
    run(DIGITS, settings, folder / "run", save_every=20)
    before = contents(folder / "run")
    places = [folder / "run", folder / "run" / "checkpoints"]
    for place in places:
        place.chmod(0o555)
    for path in before:
        (folder / "run" / path).chmod(0o444)
    try:
        with no_rights(), pytest.raises(PermissionError):
            run(DIGITS, settings.changed(epochs=2), folder / "run", save_every=20, resume=True)
    finally:
        for place in places:
            place.chmod(0o755)
    assert contents(folder / "run") == before
    assert len(checkpoint.steps(folder / "run" / "checkpoints")) == 2
