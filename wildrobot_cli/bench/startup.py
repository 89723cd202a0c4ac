"""How long a training takes to its first iteration: with an empty compilation cache, and warm."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from wildrobot_cli.config.schema import Config

Cache = Literal["cold", "warm"]


@dataclass(frozen=True)
class Startup:
    """A start, from the process's beginning to its first learning iteration done."""

    cache: Cache
    """Whether the programs were compiled before."""
    import_s: float
    """Until all modules are there, Python itself included [s]."""
    build_s: float
    """Building robot, environment and learner; run folder [s]."""
    compile_s: float
    """Compiling, or reading compiled programs, and drawing the first states [s]."""
    first_iteration_s: float
    """The first iteration of learning [s]."""
    total_s: float
    """All of it [s]."""
    peak_memory_mb: float
    """Most memory of the process [MB]."""

    @classmethod
    def of(cls, cache: Cache, began: float, told: Mapping[str, float]) -> Self:
        """Sum up what a process told (see `first_iteration`) that began at a time [s]."""
        total = told["first"] - began
        phases = told["imported"] - began, told["compile_s"], told["iteration_s"]
        imported, compiling, iteration = phases
        build = max(total - sum(phases), 0.0)
        memory = told["peak_memory_mb"]
        return cls(cache, imported, build, compiling, iteration, total, memory)


def first_iteration(config: Config) -> dict[str, float]:
    """Train for one iteration; to be called in a process that has imported nothing heavy.

    Returns:
        The clock when all was imported and when the first iteration was done, time of compiling
        and of the iteration [s].
    """
    from wildrobot_cli.physics.factory import resolve_engine
    from wildrobot_cli.training.policy import batch_config
    from wildrobot_cli.training.trainer import train

    imported = time.time()
    batch = batch_config(config, resolve_engine(config.env.engine))
    ppo = config.ppo.model_copy(update={"steps": batch.num_envs * batch.unroll_length})
    saving = config.checkpoints.model_copy(update={"rollouts": 0})
    config = config.model_copy(update={"ppo": ppo, "checkpoints": saving})
    first: list[float] = []
    with tempfile.TemporaryDirectory(prefix="wildrobot-bench-") as runs:
        result = train(config, Path(runs), "first", lambda _: first.append(time.time()))
    return {
        "imported": imported,
        "first": first[0],
        "compile_s": result.compile_s,
        "iteration_s": result.train_s,
    }
