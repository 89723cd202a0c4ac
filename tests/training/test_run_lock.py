"""One process a run; a lock does not outlive its process."""

import os
import signal
import subprocess
import sys

import pytest

from wildrobot_cli import resume
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.run_lock import run_lock

HOLD = """
import sys, time
from pathlib import Path
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.run_lock import run_lock
with run_lock(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(run):
    """Another process that holds the run."""
    command = [sys.executable, "-c", HOLD, str(run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "held\n" in iter(process.stdout.readline, "")
    yield process
    process.kill()
    process.communicate()


def test_a_run_that_another_process_trains_is_refused_by_name(run, holder):
    before = sorted(run.path.rglob("*"))
    with pytest.raises(EnvironmentUnavailable) as error:
        resume(run)
    host = os.uname().nodename
    expected = f"{run.path}: in use by process {holder.pid} on {host} since "
    assert str(error.value).startswith(expected)
    assert error.value.exit_code == 3
    assert sorted(run.path.rglob("*")) == before


def test_the_lock_of_a_killed_process_does_not_block(run, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert str(holder.pid) in run.lock_file.read_text()
    with run_lock(run):
        assert str(os.getpid()) in run.lock_file.read_text()


def test_a_lock_that_says_nothing_still_holds(run, holder):
    run.lock_file.write_text("")
    with pytest.raises(EnvironmentUnavailable, match="in use by another process;"), run_lock(run):
        pass


def test_two_holds_in_one_process_exclude_each_other_and_end(run):
    with run_lock(run), pytest.raises(EnvironmentUnavailable, match="in use"), run_lock(run):
        pass
    with run_lock(run):
        pass
