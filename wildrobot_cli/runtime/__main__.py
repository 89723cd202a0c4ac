"""`python -m wildrobot_cli.runtime BUNDLE`: where only numpy and onnxruntime are installed.

Without a robot it verifies the bundle, replays its golden trace, and times a control step.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.runtime.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.golden import TOLERANCE, replay
from wildrobot_cli.runtime.keys import HELP
from wildrobot_cli.runtime.policy import load
from wildrobot_cli.runtime.session import Display, Outcome, run_session
from wildrobot_cli.runtime.supervisor import Event


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        bundle = open_bundle(options.bundle)
        if options.bus is None:
            return 0 if check(bundle) else 1
        return exit_code(_run(bundle, options))
    except WildRobotError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def check(bundle: Bundle) -> bool:
    """Replay the golden trace and print how it went; return whether it is the same."""
    result = replay(bundle, load(bundle))
    median, p99 = np.percentile(1000 * result.seconds, (50, 99))
    for name, gap in result.differences.items():
        print(f"golden {name}: largest difference {gap:.2g} (at most {TOLERANCE:g})")
    print(f"a control step takes {median:.3f} ms of one core, {p99:.3f} ms at the 99th percentile")
    print("passed" if result.passed else "FAILED: not the policy that was exported")
    return result.passed


def exit_code(outcome: Outcome) -> int:
    """128 and the signal's number, 1 for a robot that stopped itself, else 0."""
    if outcome.interrupted is not None:
        return 128 + outcome.interrupted
    return 0 if outcome.passed else 1


def plain_display() -> Display:
    """A status line on a terminal, events alone in a pipe."""
    live = sys.stdout.isatty()

    def status(line: str) -> None:
        if live:
            print(f"\r{line}\x1b[K", end="", flush=True)

    def event(happened: Event) -> None:
        before = "\r" if live else ""
        line = f"{happened.time:8.2f} s  {happened.cause}: {happened.detail}"
        print(f"{before}{line}", end="\x1b[K\n" if live else "\n", flush=True)

    return Display(status, event)


def _run(bundle: Bundle, options: argparse.Namespace) -> Outcome:
    from wildrobot_cli.runtime.bus_robot import open_bus_robot

    robot = open_bus_robot(bundle.description, options.bus, options.imu, options.calibration)
    print(HELP)
    try:
        command = np.array(options.command)
        folder = options.log or Path("robot-logs") / time.strftime("%Y%m%d-%H%M%S")
        return run_session(bundle, robot, folder, command, plain_display(), options.seconds)
    finally:
        robot.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wildrobot_cli.runtime", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a bundle's folder or zip")
    parser.add_argument("--bus", metavar="DEVICE", help="serial port of the servo bus")
    parser.add_argument("--imu", metavar="DEVICE", help="serial port of the IMU")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="servo ids and zeros")
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
