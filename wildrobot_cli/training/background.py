"""One job at a time, beside the training."""

import threading
from collections.abc import Callable


class Background:
    """Runs jobs in a thread, one after the other; what they raise is raised to the caller later.

    The thread does not keep a process alive: a process that must stop at once can.
    """

    def __init__(self) -> None:
        """Have nothing to do."""
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self, job: Callable[[], object]) -> None:
        """Begin a job, when the one before it is done."""
        self.finish()
        self._thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what a job has raised, without waiting for the one that runs."""
        if self._thread is not None and not self._thread.is_alive():
            self.finish()

    def finish(self) -> None:
        """Wait for the job that runs; raise what it raised."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001  (the caller's to handle)
            self._error = error
