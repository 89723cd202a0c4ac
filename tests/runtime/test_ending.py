"""A wish to end, or a terminal that closes, leaves nothing behind."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import tempfile, time
from wildrobot_cli.runtime.ending import end_on_signals
end_on_signals()
with tempfile.TemporaryDirectory(dir={folder!r}):
    try:
        print("begun", flush=True)
        time.sleep({seconds})
    finally:
        print("removing", flush=True)
        time.sleep({removing})
"""


def start(folder, seconds=60.0, removing=0.0, prefix=()):
    code = PROGRAM.format(folder=str(folder), seconds=seconds, removing=removing)
    command = [*prefix, sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_begun_is_removed(tmp_path, number):
    process = start(tmp_path)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_cut_the_removing_short(tmp_path, second):
    process = start(tmp_path, removing=0.5)
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "removing\n"
    process.send_signal(second)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP
    assert list(tmp_path.iterdir()) == []


def test_a_later_signal_is_another_wish(tmp_path):
    process = start(tmp_path, removing=60.0)
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "removing\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_garbage_is_collected_is_not_lost(number):
    """Python drops what its collector's callbacks raise, and JAX has one."""
    code = (
        "import gc, signal, time\n"
        "from wildrobot_cli.runtime.ending import end_on_signals\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "end_on_signals()\n"
        f"gc.callbacks.append(lambda *_: signal.raise_signal({int(number)}))\n"
        "gc.collect()\n"
        "gc.callbacks.clear()\n"
        "try:\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    raise SystemExit(130) from None\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, "")


def test_what_is_to_outlast_its_terminal_does(tmp_path):
    process = start(tmp_path, seconds=0.5, prefix=["nohup"])
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "removing\n")


@pytest.mark.parametrize("module", ["wildrobot_cli", "wildrobot_cli.runtime"])
def test_both_programs_end_so(tmp_path, module):
    """The signal comes while they read a bundle."""
    code = (
        "import runpy, signal, sys\n"
        "from wildrobot_cli.runtime.bundles import bundle\n"
        "bundle.read_files = lambda path: signal.raise_signal(signal.SIGHUP)\n"
        f"sys.argv[1:] = {['run', 'b'] if module == 'wildrobot_cli' else ['b']}\n"
        f"runpy.run_module({module!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGHUP, "")
