"""Standard output and error, as any terminal, pipe or disk takes them."""

import errno
import io
import os
import sys
from contextlib import suppress

GONE = (errno.EPIPE, errno.EIO)
"""What writing gives once nobody reads any more: of a pipe, of a terminal that was closed."""


def escape_letters() -> None:
    """Escape what a terminal's encoding lacks, a folder's name say: no work ends over a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Print at once; a reader that went away is no failure."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        if error.errno not in GONE:
            raise
        drop_output()


def complain(message: str) -> None:
    """Say on stderr what went wrong; where nobody reads it, all goes on the same."""
    with suppress(OSError):
        print(message, file=sys.stderr)
    drop_output()


def drop_output() -> None:
    """Write what waits, or drop it: Python would try, and complain, once more when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
