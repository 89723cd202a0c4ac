"""`wildrobot`, and `python -m wildrobot_cli`."""

import os
from typing import NoReturn

from wildrobot_cli.runtime.streams import complain, drop_output

_SIGNALLED = 128
"""Exit codes above this say which signal ended the program."""


def main() -> NoReturn:
    """Run the command line; Ctrl-C is no traceback from the first import on."""
    try:
        from wildrobot_cli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        complain("interrupted")
        _leave(_SIGNALLED + 2)
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > _SIGNALLED:
            _leave(end.code)
        raise


def _leave(code: int) -> NoReturn:
    """End without what Python does last.

    A signal can leave a computation behind. JAX would wait for it in the end while holding the
    lock that the computation's simulations need: neither would ever finish.
    """
    drop_output()
    os._exit(code)


if __name__ == "__main__":
    main()
