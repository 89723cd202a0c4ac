"""A serial port, real but for its wire; and who takes the torque off when its program cannot."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servo_emulator import ServoTerminal

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.bus_robot import LET_GO
from wildrobot_cli.runtime.robots.guardian import SILENCE
from wildrobot_cli.runtime.robots.serial_port import SerialPort


@pytest.fixture
def description(bundle):
    return bundle.description


def wait_for(event, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not event():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_port_is_one_programs_alone(description):
    with ServoTerminal(description) as servos:
        port = SerialPort(servos.device, protocol.BAUD)
        with pytest.raises(ConfigError, match="in use by another program"):
            SerialPort(servos.device, protocol.BAUD)
        port.close()
        SerialPort(servos.device, protocol.BAUD).close()


def test_a_stop_gets_past_a_write_in_progress(description, monkeypatch):
    with ServoTerminal(description, echo=False) as servos:
        port, honest = SerialPort(servos.device, protocol.BAUD), os.write
        port.write(protocol.load(protocol.EVERYONE, True), 1.0)
        wait_for(lambda: all(servos.bus.loaded.values()))
        refusals = iter([True, True])

        def busy(fd, data):
            if next(refusals, False):
                raise BlockingIOError
            return honest(fd, data)

        monkeypatch.setattr(os, "write", busy)
        port.write_now(LET_GO)
        wait_for(lambda: not any(servos.bus.loaded.values()))
        port.close()


KILLED = """
import sys, time
from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.bus_robot import LET_GO
from wildrobot_cli.runtime.robots.serial_port import GuardedPort
port = GuardedPort(sys.argv[1], protocol.BAUD, LET_GO)
port.write(protocol.load(protocol.EVERYONE, True), 1.0)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("closed", ["", "<&-"], ids=["", "without standard input"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_program_leaves_no_servo_under_torque(description, number, closed):
    with ServoTerminal(description, echo=False) as servos:
        start = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", KILLED]
        program = subprocess.Popen([*start, servos.device], stdout=subprocess.PIPE, text=True)
        assert program.stdout.readline() == "up\n"
        wait_for(lambda: all(servos.bus.loaded.values()))
        program.send_signal(number)
        wait_for(lambda: not any(servos.bus.loaded.values()))
        program.communicate()


BEATING = KILLED.replace("time.sleep(60)", "while port.beat(): time.sleep(0.02)\nprint('alone')")


@pytest.fixture
def beating(description):
    """A program that gives signs of life, and the servos that it holds under torque."""
    with ServoTerminal(description, echo=False) as servos:
        program = subprocess.Popen(
            [sys.executable, "-c", BEATING, servos.device], stdout=subprocess.PIPE, text=True
        )
        assert program.stdout.readline() == "up\n"
        wait_for(lambda: all(servos.bus.loaded.values()))
        yield program, servos.bus
        program.kill()
        program.communicate()


def test_a_suspended_program_leaves_no_servo_under_torque(beating):
    program, bus = beating
    time.sleep(2 * SILENCE)
    assert all(bus.loaded.values())
    program.send_signal(signal.SIGSTOP)
    wait_for(lambda: not any(bus.loaded.values()))


def test_a_guardian_that_is_gone_is_noticed(beating):
    program, _ = beating
    (guardian,) = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    os.kill(int(guardian), signal.SIGKILL)
    assert program.communicate(timeout=30)[0] == "alone\n"
