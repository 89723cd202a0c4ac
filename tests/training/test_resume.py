"""A stopped run loses nothing: resumed, it ends with the bits of one that never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from wildrobot_cli import Config, resume, train
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.signals import Interrupted, stop_requests


@pytest.fixture(autouse=True)
def foreground():
    """Signals as in a terminal: a test runner in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stopped_run(config, folder, signal_number: int, after: int) -> RunFolder:
    """A run that a signal stopped after some iterations."""

    def kill(progress) -> None:
        if progress.env_steps == after * 40:
            os.kill(os.getpid(), signal_number)

    with pytest.raises(Interrupted) as error:
        train(config, folder, "stopped", kill)
    assert error.value.exit_code == 128 + signal_number
    run = RunFolder(folder / "stopped")
    assert f"wildrobot train --resume {run.path}" in str(error.value)
    assert [int(path.name) for path in list_checkpoints(run.checkpoints)] == [after * 40]
    return run


def metrics(run: RunFolder) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    clock = ("speed/env_steps_per_s", "time")
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    trained, tiny_config, tmp_path, signal_number
):
    whole = trained[0]
    run = stopped_run(tiny_config, tmp_path, signal_number, after=1 + signal_number % 2)
    result = resume(run)
    assert result.finished
    assert result.params_sha256 == whole.params_sha256
    assert metrics(run) == metrics(RunFolder(run.path.parent / whole.run))


@pytest.mark.long
def test_a_resumed_run_with_style_ends_with_the_same_bits(tiny_style_overrides, tmp_path):
    """Discriminator, its optimizer, normaliser and replay are restored as well."""
    config = Config.from_file("ppo_amp.yaml", tiny_style_overrides)
    whole = train(config, tmp_path, "whole")
    result = resume(stopped_run(config, tmp_path, signal.SIGTERM, after=1))
    assert result.params_sha256 == whole.params_sha256
    lines = metrics(RunFolder(tmp_path / "stopped"))
    assert lines == metrics(RunFolder(tmp_path / "whole"))
    assert lines[-1]["amp/accuracy_reference"] >= 0.0


@pytest.mark.long
def test_a_resumed_run_with_a_curriculum_and_disturbances_ends_with_the_same_bits(
    tiny_overrides, tmp_path
):
    """How far commands have grown, targets on their way, and what is yet to come are restored."""
    curriculum = "{start: 0.1, widening: 0.1, velocity_error: 9.0, falls: 99.0, window: 0.06}"
    disturbed = (*tiny_overrides, f"env.curriculum={curriculum}")
    config = Config.from_file("ppo_robust.yaml", disturbed)
    whole = train(config, tmp_path, "whole")
    result = resume(stopped_run(config, tmp_path, signal.SIGTERM, after=1))
    assert result.params_sha256 == whole.params_sha256
    lines = metrics(RunFolder(tmp_path / "stopped"))
    assert lines == metrics(RunFolder(tmp_path / "whole"))
    assert [line["curriculum/share"] for line in lines] == pytest.approx([0.2, 0.4, 0.6])


def test_lines_beyond_the_checkpoint_are_not_repeated(trained, tiny_config, tmp_path):
    run = stopped_run(tiny_config, tmp_path, signal.SIGINT, after=1)
    later = {"env_steps": 80, "episode/reward": 1.0}
    with run.metrics_file.open("a") as file:
        file.write(json.dumps(later) + '\n{"env_st')  # what a kill leaves
    resume(run)
    assert [line["env_steps"] for line in metrics(run)] == [40, 80, 120]


def test_a_finished_run_stays_as_it_is(run, trained):
    before = run.summary_file.read_bytes()
    assert resume(run) == replace(trained[0], run=str(run.path))
    assert run.summary_file.read_bytes() == before


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(run, trained, caplog):
    for path in run.checkpoints.iterdir():
        path.rename(path.with_name(f".writing-{path.name}"))
    result = resume(run)
    assert "no checkpoint in it; starting from its seed" in caplog.text
    assert result.params_sha256 == trained[0].params_sha256
    assert [line["env_steps"] for line in metrics(run)] == [40, 80, 120]


def test_a_second_signal_ends_the_process_in_the_middle_of_compiled_code():
    code = (
        "import os, signal, threading, time\n"
        "from wildrobot_cli.training.signals import stop_requests\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def send():\n"
        "    for _ in range(2):\n"
        "        time.sleep(0.2)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=send, daemon=True).start()\n"
        "with stop_requests():\n"
        "    pattern = __import__('ctypes').CDLL(None)\n"
        "    begin = time.monotonic()\n"
        "    while time.monotonic() - begin < 20: pattern.usleep(20_000_000)\n"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "once more to stop at once" in done.stderr
    assert time.monotonic() - begin < 10


def test_after_the_first_signal_the_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with stop_requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal_number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal_number is None


@pytest.mark.parametrize("second", [signal.SIGHUP, signal.SIGTERM])
def test_what_a_session_that_ends_sends_at_once_is_one_wish(second):
    code = (
        "import os, signal, time\n"
        "from wildrobot_cli.training.signals import stop_requests\n"
        "with stop_requests() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        f"    os.kill(os.getpid(), {second:d})\n"
        "    time.sleep(0.2)\n"
        "print(stop.signal_number)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
