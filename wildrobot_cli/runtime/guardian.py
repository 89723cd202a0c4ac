"""Last words on a serial port, for a program that may be killed before it can say them.

Run as a process of its own, `python -m wildrobot_cli.runtime.guardian PORT WORDS`, with an open
port's descriptor, and the words in hexadecimal. Its standard input is a pipe from the program: when
that one ends, however it does, the pipe ends too, and the guardian speaks.
"""

import contextlib
import os
import signal
import sys
import termios


def main(port: str, words: str) -> None:
    """Wait for the end of the input, then write the words instead of all that waits to be sent."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(sys.stdin.fileno(), 1):
        pass
    with contextlib.suppress(OSError, termios.error):
        termios.tcflush(int(port), termios.TCOFLUSH)
        os.write(int(port), bytes.fromhex(words))


if __name__ == "__main__":
    main(*sys.argv[1:])
