"""The simulated robot's process: it ends with the one that started it, and saves whole files."""

import os
import subprocess
import sys

import numpy as np
import pytest

from wildrobot_cli.config.loader import dump
from wildrobot_cli.simulated.robot import READOUT
from wildrobot_cli.simulated.server import ENV, FAULTS, TRUTH, Faults, Server


@pytest.fixture
def room(tmp_path, config):
    """A folder that a server can start in."""
    faults = Faults(0.0, 0.0, 0.0, 0.0, config.env.control_period, 0)
    (tmp_path / ENV).write_text(dump(config.env), encoding="utf-8")
    (tmp_path / FAULTS).write_text(faults.as_json(), encoding="utf-8")
    return tmp_path


def test_a_server_whose_parent_died_while_it_started_ends(room):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    command = [sys.executable, "-m", "wildrobot_cli.simulated.server", str(room), str(dead.pid)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_states_are_written_whole(room):
    Server(room).run(parent=-1)
    with np.load(room / TRUTH, allow_pickle=False) as truth:
        assert {name: len(truth[name]) for name in truth.files} == dict.fromkeys(READOUT, 1)


def test_states_that_a_full_disk_refuses_are_left_out_without_a_word(room, monkeypatch, capfd):
    def full(file, **states):
        file.write(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(np, "savez", full)
    monkeypatch.setattr(np, "savez_compressed", full)
    Server(room).run(parent=-1)
    assert not (room / TRUTH).exists()
    assert capfd.readouterr() == ("", "")
