"""Reading a mapping strictly: each value checked for its kind, errors that name the key path."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.bounds import BOUNDS

_INDEX = re.compile(r"\[\d+\]")
Vector = NDArray[np.float64]


class Section:
    """A mapping of the file, and the key path that leads to it."""

    def __init__(self, data: Any, path: str) -> None:
        self.data, self.path = data, path
        if not isinstance(data, Mapping):
            self.fail("", "a mapping", data)

    def fail(self, key: str, expected: str, found: Any) -> NoReturn:
        """Raise the error that says what was expected of a key, and what was found."""
        where = ": ".join(filter(None, ("policy.json", self._place(key))))
        raise ConfigError(f"{where}: expected {expected}, got {str(found)[:80]!r}")

    def get(self, key: str) -> Any:
        """Return a key's value, which must be there."""
        if key not in self.data:
            raise ConfigError(f"policy.json: {self._place(key)}: missing")
        return self.data[key]

    def section(self, key: str) -> "Section":
        """Return the mapping below a key."""
        return Section(self.get(key), self._place(key))

    def text(self, key: str) -> str:
        """Return a text that is not empty and can be shown."""
        value = self.get(key)
        good = isinstance(value, str) and value and value.isprintable()
        return value if good else self.fail(key, "a text", value)

    def whole(self, key: str) -> int:
        """Return a whole number within its bounds."""
        value = self.get(key)
        low, high = self._bounds(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(key, f"a whole number in {low:g} .. {high:g}", value)
        return value

    def number(self, key: str) -> float:
        """Return a number within its bounds."""
        value = self.get(key)
        low, high = self._bounds(key)
        if not _within(value, low, high):
            self.fail(key, f"a number in {low:g} .. {high:g}", value)
        return float(value)

    def vector(self, key: str, size: int) -> Vector:
        """Return a list of `size` numbers within their bounds. Shape (size,), read-only."""
        value = self.get(key)
        low, high = self._bounds(key)
        if not isinstance(value, list) or len(value) != size:
            self.fail(key, f"a list of {size} numbers", value)
        for index, item in enumerate(value):
            if not _within(item, low, high):
                self.fail(f"{key}[{index}]", f"a number in {low:g} .. {high:g}", item)
        array = np.array(value, dtype=np.float64)
        array.flags.writeable = False
        return array

    def _bounds(self, key: str) -> tuple[float, float]:
        return BOUNDS[_INDEX.sub("", self._place(key))]

    def _place(self, key: str) -> str:
        """Key path of a key of this mapping, or of itself."""
        return ".".join(filter(None, (self.path, key)))


def _within(value: Any, low: float, high: float) -> bool:
    """Whether it is a number in a range; whole numbers may be too large for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
