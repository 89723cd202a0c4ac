"""Last words on a serial port, for a program that is killed before it can say them, or hangs.

Run as a process of its own, `python -m wildrobot_cli.runtime.robots.guardian PORT WORDS`, with an
open port's descriptor, and the words in hexadecimal. Its standard input is a pipe into which the
program writes signs of life. When they cease, and when the pipe ends, as it does however the
program ends, the guardian speaks.
"""

import os
import select
import signal
import sys

from wildrobot_cli.runtime.robots.serial_port import write_now

SILENCE = 0.6
"""How long after a sign of life the next may come [s]; more than `loop.HUNG`."""


def main(port: str, words: str) -> None:
    """Listen to the standard input until it ends; speak then, and whenever it falls silent."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    program, patience = sys.stdin.fileno(), None  # it may begin as late as it likes
    while True:
        if not select.select([program], [], [], patience)[0]:
            write_now(int(port), bytes.fromhex(words))
            patience = None
        elif os.read(program, 4096):
            patience = SILENCE
        else:
            write_now(int(port), bytes.fromhex(words))
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
