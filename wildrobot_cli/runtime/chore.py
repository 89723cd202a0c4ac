"""What goes on beside a control loop, in threads that keep neither it nor a signal waiting."""

import threading
from collections.abc import Callable

REFRESH = 0.1
"""Time between two times that something is done [s]."""


class Chore:
    """Does something again and again in a thread of its own, until it fails or is ended."""

    def __init__(
        self, name: str, act: Callable[[], None], on_failure: Callable[[BaseException], None]
    ) -> None:
        """Begin. `on_failure` is called in that thread, with what `act` raised."""
        self._act, self._on_failure = act, on_failure
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def end(self, patience: float | None = None) -> bool:
        """Have it done a last time; return whether it was, within `patience` [s]."""
        self._ended.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while not self._ended.wait(REFRESH):
                self._act()
            self._act()
        except BaseException as error:  # whatever it is: nobody else would see it
            self._on_failure(error)
