"""Reading a mapping strictly: each value checked for its kind, errors that name the key path."""

import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from wildrobot_cli.errors import ConfigError

Vector = NDArray[np.float64]


class Section:
    """A mapping of the file, and the key path that leads to it."""

    def __init__(self, data: Any, path: str) -> None:
        self.data, self.path = data, path
        if not isinstance(data, Mapping):
            self.fail("", "a mapping", data)

    def fail(self, key: str, expected: str, found: Any) -> NoReturn:
        """Raise the error that says what was expected of a key, and what was found."""
        where = ".".join(filter(None, (self.path, key)))
        raise ConfigError(f"policy.json: {where}: expected {expected}, got {str(found)[:80]!r}")

    def get(self, key: str) -> Any:
        """Return a key's value, which must be there."""
        if key not in self.data:
            where = ".".join(filter(None, (self.path, key)))
            raise ConfigError(f"policy.json: {where}: missing")
        return self.data[key]

    def section(self, key: str) -> "Section":
        """Return the mapping below a key."""
        return Section(self.get(key), ".".join(filter(None, (self.path, key))))

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.get(key)
        return value if isinstance(value, str) and value else self.fail(key, "a text", value)

    def whole(self, key: str) -> int:
        """Return a whole number, 0 or more."""
        value = self.get(key)
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return value if good else self.fail(key, "a whole number", value)

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self.get(key)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not (good and math.isfinite(value)):
            self.fail(key, "a number", value)
        return float(value)

    def positive(self, key: str) -> float:
        """Return a number above 0."""
        value = self.number(key)
        return value if value > 0 else self.fail(key, "a number above 0", self.get(key))

    def vector(self, key: str, size: int) -> Vector:
        """Return a list of `size` finite numbers. Shape (size,), read-only."""
        value = self.get(key)
        good = isinstance(value, list) and len(value) == size
        numbers = good and all(isinstance(x, int | float) and math.isfinite(x) for x in value)
        if not numbers:
            self.fail(key, f"a list of {size} numbers", value)
        array = np.array(value, dtype=np.float64)
        array.flags.writeable = False
        return array
