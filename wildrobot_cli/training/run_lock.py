"""One process a run: a lock that dies with the process that holds it."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.run_folder import RunFolder


@contextmanager
def run_lock(run: RunFolder) -> Iterator[None]:
    """Hold a run: no second process may train in its folder meanwhile.

    The lock is `flock`'s: the kernel lets go of it when the process ends, however it ends.

    Raises:
        EnvironmentUnavailable: another process holds it, or the folder cannot be written.
    """
    try:
        file = run.lock_file.open("a+", encoding="utf-8")
    except OSError as error:
        raise EnvironmentUnavailable(f"{run.path}: cannot write: {error.strerror}") from error
    with file:
        _acquire(file, run)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%c")}
        try:
            file.truncate(0)
            file.write(json.dumps(holder) + "\n")
            file.flush()
        except OSError as error:
            raise EnvironmentUnavailable(f"{run.path}: cannot write: {error.strerror}") from error
        yield


def _acquire(file: IO[str], run: RunFolder) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EnvironmentUnavailable(
            f"{run.path}: in use by {_holder(file)}; wait until it ends, or stop it"
        ) from None
    except OSError as error:
        raise EnvironmentUnavailable(f"{run.path}: cannot lock: {error.strerror}") from error


def _holder(file: IO[str]) -> str:
    """Say who holds the lock, as far as it has said so."""
    try:
        file.seek(0)
        holder = json.loads(file.read())
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
