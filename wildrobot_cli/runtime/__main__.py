"""`python -m wildrobot_cli.runtime BUNDLE`: where only numpy and onnxruntime are installed.

Without a robot it verifies the bundle, replays its golden trace, and times a control step.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.runtime.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.bus_robot import check_bus, open_bus_robot
from wildrobot_cli.runtime.golden import TOLERANCE, check_golden, replay
from wildrobot_cli.runtime.keys import HELP
from wildrobot_cli.runtime.log import log_folder
from wildrobot_cli.runtime.policy import load
from wildrobot_cli.runtime.screen import plain_display
from wildrobot_cli.runtime.session import check_seconds, exit_code, run_session, summary


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        check_bus(options.bus, options.imu, options.calibration)
        check_seconds(options.seconds)
        bundle = open_bundle(options.bundle)
        if options.bus is None:
            return 0 if check(bundle) else 1
        return _run(bundle, options)
    except WildRobotError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def check(bundle: Bundle) -> bool:
    """Replay the golden trace and print how it went; return whether it is the same."""
    result = replay(bundle, load(bundle))
    median, p99 = np.percentile(1000 * result.seconds, (50, 99))
    for name, gap in result.differences.items():
        where = "" if gap <= TOLERANCE else f", in {result.places[name]}"
        print(f"golden {name}: largest difference {gap:.2g} (at most {TOLERANCE:g}){where}")
    print(f"a control step takes {median:.3f} ms of one core, {p99:.3f} ms at the 99th percentile")
    print("passed" if result.passed else "FAILED: not the policy that was exported")
    return result.passed


def _run(bundle: Bundle, options: argparse.Namespace) -> int:
    check_golden(bundle)
    ports = (options.bus, options.imu, options.calibration)
    with log_folder(options.log, options.bundle) as folder:
        robot = open_bus_robot(bundle.description, *ports)
        print(HELP)
        try:
            command = np.array(options.command)
            seconds, display = options.seconds, plain_display()
            outcome = run_session(bundle, robot, folder, command, display, seconds)
        finally:
            robot.close()
    print("\n".join(summary(outcome)))
    return exit_code(outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wildrobot_cli.runtime", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a bundle's folder or zip")
    parser.add_argument("--bus", metavar="DEVICE", help="serial port of the servo bus")
    parser.add_argument("--imu", metavar="DEVICE", help="serial port of the IMU")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="how its servos are mounted"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time to walk")
    parser.add_argument(
        "--command",
        type=float,
        nargs=3,
        default=(0.0, 0.0, 0.0),
        metavar=("FORWARD", "LEFT", "TURN"),
        help="velocities [m/s, m/s, rad/s]",
    )
    parser.add_argument("--log", type=Path, metavar="DIR", help="folder of the log, to be made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
