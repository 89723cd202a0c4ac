"""However a command ends: one message, the right code, and nothing left behind."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.run_folder import RunFolder

WILDROBOT = (sys.executable, "-m", "wildrobot_cli")


def start(*arguments, **options):
    pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*WILDROBOT, *arguments], **pipes | options)


def wait_for(happened, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "nothing"),
        ("export", "tiny", "--checkpoint", "7"),
        ("export", "tiny", "--out", "nowhere/bundle"),
        ("export", "tiny", "--quantize", "int4"),
        ("export", "tiny", "--set", "ppo.nothing=1"),
        ("eval", "nothing"),
        ("eval", "tiny", "--checkpoint", "7"),
        ("eval", "tiny", "--scenario", "nothing"),
        ("eval", "tiny", "--against", "nothing"),
        ("eval", "tiny", "--set", "env.nothing=1"),
        ("run", "nothing"),
    ],
)
def test_wrong_names_are_refused_before_anything_slow_is_imported(run, arguments):
    code = (
        "import sys\n"
        "from wildrobot_cli.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    slow = {'jax', 'mujoco', 'onnxruntime', 'orbax', 'brax'} & set(sys.modules)\n"
        "    print(end.code, sorted(slow))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=run.path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2 []\n", done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["bundle", "bundle.zip", "runs", "robot-logs"])
def test_what_is_no_run_says_what_it_is(command, tmp_path, place):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "SHA256SUMS").touch()
    (tmp_path / "bundle.zip").touch()
    (tmp_path / "runs" / "first" / "checkpoints").mkdir(parents=True)
    (tmp_path / "robot-logs" / "first").mkdir(parents=True)
    (tmp_path / "robot-logs" / "first" / "log.npz").touch()
    done = command("eval", place)
    assert done.code == 2
    if place.startswith("bundle"):
        assert f"not a run folder but a bundle; run it with: wildrobot run {place}" in done.err
    else:
        assert f"did you mean '{place}/first', the last of 1 in it?" in done.err


def test_a_full_disk_under_the_output_is_one_message_and_exit_code_3():
    with open("/dev/full", "w") as full:
        process = start("motion", "list", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err == "error: No space left on device\n"


def test_a_reader_that_goes_away_is_no_failure():
    reading, writing = os.pipe()
    process = start("motion", "list", stdout=writing)
    os.close(reading)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_or_closed_terminal_leaves_nothing_beside_the_bundle(run, number):
    before = sorted(run.path.iterdir())
    process = start("export", str(run.path), stdout=subprocess.DEVNULL)
    wait_for(lambda: list(run.path.glob(".proving-*")))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert sorted(run.path.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_measurement_though_its_computation_goes_on(run, number):
    episodes = ("--episodes", "4096", "--scenario", "walk50")
    process = start("eval", str(run.path), *episodes, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "measuring walk50\n"
    time.sleep(0.5)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number


def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path):
    slow = tmp_path / "typer"
    slow.mkdir()
    (slow / "__init__.py").write_text(
        f"import pathlib, time\npathlib.Path({str(tmp_path / 'begun')!r}).touch()\ntime.sleep(60)\n"
    )
    here = str(Path(__file__).parents[2])
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), here])}
    process = start("--help", stdout=subprocess.DEVNULL, env=env)
    wait_for((tmp_path / "begun").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")


@pytest.mark.long
def test_a_training_whose_terminal_is_closed_saves_itself(tiny_overrides, tmp_path):
    settings = [f"--set={setting}" for setting in tiny_overrides]
    arguments = ("train", "--runs", str(tmp_path), "--run", "closed", *settings)
    seen, terminal = pty.openpty()
    program = ["setsid", "--ctty", *WILDROBOT, *arguments, "--steps", "10000000"]
    process = subprocess.Popen(program, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while b"steps/s" not in shown:
            shown += os.read(seen, 4096)
    finally:
        os.close(seen)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert list_checkpoints(RunFolder(tmp_path / "closed").checkpoints) != []
