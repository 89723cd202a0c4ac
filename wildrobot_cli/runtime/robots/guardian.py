"""Last words on a serial port, for a program that is killed before it can say them, or hangs.

Run as a process of its own, `python -m wildrobot_cli.runtime.robots.guardian PORT WORDS`, with an
open port's descriptor, and the words in hexadecimal. Its standard input is a pipe into which the
program writes signs of life. When they cease, and when the pipe ends, as it does however the
program ends, the guardian speaks.
"""

import contextlib
import os
import select
import signal
import sys
import termios

SILENCE = 0.6
"""How long after a sign of life the next may come [s]; more than `loop.HUNG`."""


def main(port: str, words: str) -> None:
    """Listen to the standard input until it ends; speak then, and whenever it falls silent."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    program, patience = sys.stdin.fileno(), None  # it may begin as late as it likes
    while True:
        if not select.select([program], [], [], patience)[0]:
            _speak(int(port), bytes.fromhex(words))
            patience = None
        elif os.read(program, 4096):
            patience = SILENCE
        else:
            _speak(int(port), bytes.fromhex(words))
            return


def _speak(port: int, words: bytes) -> None:
    """Write words instead of all that waits to be sent."""
    with contextlib.suppress(OSError, termios.error):
        termios.tcflush(port, termios.TCOFLUSH)
        os.write(port, words)


if __name__ == "__main__":
    main(*sys.argv[1:])
