"""However `python -m wildrobot_cli.runtime` ends: one message, the right code, no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wildrobot_cli.runtime import program

RUNTIME = (sys.executable, "-m", "wildrobot_cli.runtime")
HERE = str(Path(__file__).parents[2])


def start(*arguments, **options):
    pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*RUNTIME, *map(str, arguments)], **pipes | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seconds", "3"), "--seconds needs --bus: without a robot the bundle is only checked"),
        (("--seconds", "inf"), "--seconds needs --bus"),
        (("--command", "0", "0", "0"), "--command needs --bus"),
        (("--log", "log"), "--log needs --bus"),
        (("--int8",), "--int8 needs --bus"),
        (("--bus", "a"), "--bus needs --imu"),
        (("--bus", "a", "--imu", "b", "--calibration", "c", "--seconds", "0"), "--seconds: expect"),
    ],
)
def test_options_that_nothing_would_obey_are_refused(bundle_folder, options, message, capsys):
    assert program.run([str(bundle_folder), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {message}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (PermissionError(13, "Permission denied", "x.npz"), 3, "error: x.npz: Permission denied\n"),
        (OSError("gone"), 3, "error: gone\n"),
        (ZeroDivisionError("oops"), 1, "internal error, please report it: ZeroDivisionError: oops"),
    ],
)
def test_an_unexpected_error_is_one_message_without_a_traceback(
    monkeypatch, capsys, error, code, message
):
    def broken(_):
        raise error

    monkeypatch.setattr(program, "open_bundle", broken)
    assert program.run(["walker"]) == code
    assert capsys.readouterr().err.startswith(message)
    with pytest.raises(type(error)):
        program.run(["walker", "--debug"])


def test_a_reader_that_goes_away_is_no_failure(bundle_folder):
    reading, writing = os.pipe()
    process = start(bundle_folder, stdout=writing)
    os.close(reading)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_full_disk_under_the_output_is_one_message_and_exit_code_3(bundle_folder):
    with open("/dev/full", "w") as full:
        _, err = (process := start(bundle_folder, stdout=full)).communicate(timeout=60)
    assert (process.returncode, err) == (3, "error: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("module", ["wildrobot_cli", "wildrobot_cli.runtime"])
def test_closed_streams_change_no_exit_code(tmp_path, module, closed):
    arguments = "run nothing" if module == "wildrobot_cli" else "nothing"
    line = f"{sys.executable} -m {module} {arguments} {closed}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, "interrupted\n"), (signal.SIGTERM, "")]
)
def test_a_signal_while_it_starts_is_no_traceback(tmp_path, number, said):
    slow, begun = tmp_path / "numpy", tmp_path / "begun"
    slow.mkdir()
    (slow / "__init__.py").write_text(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(60)\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), HERE])}
    process = start("walker", env=env)
    deadline = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, said)
