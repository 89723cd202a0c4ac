"""The program for a robot's small computer, where only numpy and onnxruntime are installed.

Without a robot it verifies the bundle, replays its golden trace, and times a control step.
"""

import argparse
import math
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError, told
from wildrobot_cli.runtime.bundles.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.bundles.policy import load
from wildrobot_cli.runtime.golden import TOLERANCE, check_golden, replay
from wildrobot_cli.runtime.keys import HELP
from wildrobot_cli.runtime.log import log_folder
from wildrobot_cli.runtime.robots.bus_robot import check_bus, open_bus_robot
from wildrobot_cli.runtime.screen import plain_display
from wildrobot_cli.runtime.session import check_seconds, exit_code, run_session, summary
from wildrobot_cli.runtime.streams import complain, say


def run(arguments: list[str] | None = None) -> int:
    """Do what the command line says; every error becomes one message and an exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _obey(options)
    except Exception as error:
        if options.debug:
            raise
        message, code = told(error, "`--debug`")
        complain(message)
        return code


def _obey(options: argparse.Namespace) -> int:
    check_bus(options.bus, options.imu, options.calibration)
    if options.bus is None:
        _refuse_without_robot(options)
        return 0 if check(open_bundle(options.bundle)) else 1
    if options.seconds is not None:
        check_seconds(options.seconds)
    return _walk(open_bundle(options.bundle), options)


def _refuse_without_robot(options: argparse.Namespace) -> None:
    """Raise `ConfigError` for an option that only a robot could obey."""
    walk = {"--seconds": options.seconds, "--command": options.command, "--log": options.log}
    walk["--int8"] = options.int8 or None
    for name, value in walk.items():
        if value is not None:
            raise ConfigError(f"{name} needs --bus: without a robot the bundle is only checked")


def check(bundle: Bundle) -> bool:
    """Replay the golden trace and print how it went; return whether it is the same."""
    result = replay(bundle, load(bundle))
    median, p99 = np.percentile(1000 * result.seconds, (50, 99))
    for name, gap in result.differences.items():
        where = "" if gap <= TOLERANCE else f", in {result.places[name]}"
        say(f"golden {name}: largest difference {gap:.2g} (at most {TOLERANCE:g}){where}")
    say(
        f"a control step takes {median:.3f} ms of one core, {p99:.3f} ms at the 99th percentile",
        "passed" if result.passed else "FAILED: not the policy that was exported",
    )
    return result.passed


def _walk(bundle: Bundle, options: argparse.Namespace) -> int:
    check_golden(bundle, options.int8)
    ports = (options.bus, options.imu, options.calibration)
    with log_folder(options.log, options.bundle) as folder:
        robot = open_bus_robot(bundle.description, *ports)
        try:
            say(HELP)
            command = np.array(options.command or (0.0, 0.0, 0.0))
            seconds, display = options.seconds or math.inf, plain_display()
            ways = (display, seconds, options.int8)
            outcome = run_session(bundle, robot, folder, command, *ways)
        finally:
            robot.close()
    say(*summary(outcome))
    return exit_code(outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wildrobot_cli.runtime", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a bundle's folder or zip")
    parser.add_argument("--bus", metavar="DEVICE", help="serial port of the servo bus")
    parser.add_argument("--imu", metavar="DEVICE", help="serial port of the IMU")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="how its servos are mounted"
    )
    parser.add_argument("--seconds", type=float, help="time to walk; without end if not set")
    parser.add_argument(
        "--command",
        type=float,
        nargs=3,
        metavar=("FORWARD", "LEFT", "TURN"),
        help="velocities [m/s, m/s, rad/s]; 0 0 0 if not set",
    )
    parser.add_argument("--log", type=Path, metavar="DIR", help="folder of the log, to be made")
    parser.add_argument("--int8", action="store_true", help="run the policy of 8 bits")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser
