"""`python -m wildrobot_cli.runtime BUNDLE`; see `program`."""

import signal
import sys

from wildrobot_cli.runtime.ending import end_on_signals
from wildrobot_cli.runtime.streams import complain, escape_letters


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code.

    Ctrl-C is no traceback from the first import on.
    """
    end_on_signals()
    escape_letters()
    try:
        from wildrobot_cli.runtime.program import run

        return run(arguments)
    except KeyboardInterrupt:
        complain("interrupted")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
