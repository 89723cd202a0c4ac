"""What a run shows fits on the narrowest terminal, and what follows it has a line of its own."""

import numpy as np
import pytest

from wildrobot_cli.runtime.control.supervisor import Mode, Order
from wildrobot_cli.runtime.control.watchdogs import Trip
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.screen import WIDTH, plain_display, status_line


@pytest.fixture
def log(bundle, tmp_path):
    return RunLog(tmp_path / "log", bundle.description)


def add(log, mode, now=12.34, late=0.001):
    log.add(now, late, 0.00005, None, Order(None, None, np.array([-0.5, 0.25, -1.0]), mode))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("now", [0.0, 12.34, 9999.9, 1e6])
@pytest.mark.parametrize("late", [0.0, 0.02, 3.0])
def test_the_status_line_never_wraps(log, mode, now, late):
    add(log, mode, now, late)
    assert len(status_line(log, None)) <= WIDTH


def test_the_status_line_says_everything_that_it_can(log):
    assert status_line(log, None) == "waiting for the robot"
    add(log, Mode.WALKING)
    line = status_line(log, None)
    assert line.startswith("  12.3 s walking  command -0.50 +0.25 m/s -1.00 rad/s")
    assert line.endswith("ms")


def test_after_a_stop_the_status_line_says_why_and_what_to_press(log):
    add(log, Mode.STOPPED)
    line = status_line(log, Trip("tilt", "the robot leans by 70 degrees"))
    assert line == "  12.3 s stopped: tilt   r: reset   q: quit"


@pytest.mark.parametrize("columns", [10, 40, 200])
def test_the_status_line_is_cut_to_a_narrow_terminal(monkeypatch, capsys, columns):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    plain_display().status("x" * WIDTH)
    shown = capsys.readouterr().out
    assert shown == "\r" + "x" * min(WIDTH, columns - 1) + "\x1b[K"


@pytest.mark.parametrize("live", [True, False])
def test_what_follows_the_status_line_begins_a_line_of_its_own(monkeypatch, capsys, live):
    monkeypatch.setattr("sys.stdout.isatty", lambda: live, raising=False)
    display = plain_display()
    display.status("standing")
    display.end()
    print("FAILED")
    shown = capsys.readouterr().out
    assert shown == ("\rstanding\x1b[K\nFAILED\n" if live else "FAILED\n")
