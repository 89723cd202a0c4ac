"""`python -m wildrobot_cli.runtime BUNDLE`; see `program`."""

import signal
import sys
from types import FrameType
from typing import NoReturn


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code.

    Ctrl-C is no traceback from the first import on.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        from wildrobot_cli.runtime.program import run

        return run(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _terminated(number: int, _: FrameType | None) -> NoReturn:
    """End as Ctrl-C does: what was begun is removed."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
