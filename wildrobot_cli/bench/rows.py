"""A measured speed, and how two of them compare."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Self

What = Literal[
    "physics",
    "physics_reference",
    "env",
    "train",
    "train_without_style",
    "brax_ppo",
    "python_vector",
]
"""What can be stepped. `physics_reference` is the yardstick: the model in `benchmarks`."""

NAMES: dict[str, str] = {
    "physics": "physics",
    "physics_reference": "reference physics",
    "env": "environment",
    "train": "training",
    "train_without_style": "training without style",
    "brax_ppo": "Brax ppo.train",
    "python_vector": "Python vector",
}
"""What people call them."""

Key = tuple[str, str, str | None, int]
"""What two rows must have in common to be compared: what, engine, impl, num_envs."""


@dataclass(frozen=True)
class Row:
    """One measured speed, in control steps a second over all environments."""

    what: What
    """What was stepped."""
    engine: str
    """On which engine."""
    impl: str | None
    """The implementation behind MJX."""
    num_envs: int
    """Environments stepped together."""
    env_steps_per_s: float
    """The median."""
    min: float
    """The slowest turn."""
    median: float
    """The median."""
    max: float
    """The fastest turn."""
    compile_s: float
    """Time of building and compiling, shorter where JAX's cache is warm [s]."""
    peak_memory_mb: float
    """Most memory: of the GPU where there is one, else of the process [MB]."""
    turns: tuple[float, ...]
    """All turns, in their order."""

    @classmethod
    def of(cls, key: Key, turns: Sequence[float], compile_s: float, peak_memory_mb: float) -> Self:
        """Sum up the turns of one program."""
        what, engine, impl, num_envs = key
        middle = statistics.median(turns)
        spread = min(turns), middle, max(turns)
        memory = peak_memory_mb
        return cls(what, engine, impl, num_envs, middle, *spread, compile_s, memory, tuple(turns))  # type: ignore[arg-type]

    @property
    def key(self) -> Key:
        """What it has in common with the same row of another measurement."""
        return self.what, self.engine, self.impl, self.num_envs

    @property
    def name(self) -> str:
        """What people call it, wherever it was measured."""
        return name_of(self.what, self.engine, self.impl)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what the JSON of a `BenchResult` says of it.

        Raises:
            KeyError, TypeError, ValueError: it is not that.
        """
        impl = None if data["impl"] is None else str(data["impl"])
        key = (str(data["what"]), str(data["engine"]), impl, int(data["num_envs"]))
        turns = [float(speed) for speed in data["turns"]]
        if not turns or not all(isfinite(speed) and speed > 0 for speed in turns):
            raise ValueError(f"expected speeds above 0, found {turns}")
        return cls.of(key, turns, float(data["compile_s"]), float(data["peak_memory_mb"]))


def name_of(what: str, engine: str, impl: str | None) -> str:
    """What people call a row; what there is on one engine alone goes without it."""
    if what in ("physics", "env", "train"):
        return " ".join(filter(None, (NAMES[what], engine, impl)))
    return NAMES[what]


def ratio(row: Row, other: Row) -> float:
    """How many times faster a row is than another: the median over their common turns."""
    return statistics.median(a / b for a, b in zip(row.turns, other.turns, strict=False))
