"""Compilation changes nothing: eager, jit, vmap and scan agree, nothing compiles twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.validation.compare import at, largest

EAGER_STEPS = 2
"""Control steps that are taken one operation at a time: on MJX each takes many seconds."""
MEMBERS = 4
"""Members of a batch that are also stepped alone."""

Step = Callable[[State, np.ndarray], State]


@dataclass(frozen=True)
class Jit:
    """How far the ways to run the same steps come apart, over the whole state."""

    max_abs_diff_eager: float
    """Operation by operation against compiled."""
    max_abs_diff_vmap: float
    """A batch against its members stepped alone."""
    max_abs_diff_scan: float
    """A scan against a loop of compiled steps."""
    max_abs_diff_donated: float
    """With the state's buffers given away against kept."""
    recompiles_after_warmup: int
    """Compilations after the second call of a compiled step."""
    tolerance: float
    """Largest difference that counts as equal."""

    @property
    def passed(self) -> bool:
        """Whether all agree and nothing was compiled again."""
        gaps = (
            self.max_abs_diff_eager,
            self.max_abs_diff_vmap,
            self.max_abs_diff_scan,
            self.max_abs_diff_donated,
        )
        return max(gaps) <= self.tolerance and self.recompiles_after_warmup == 0


def check_jit(env: WildRobotEnv, seed: int, num_envs: int, num_steps: int, tolerance: float) -> Jit:
    """Take the same steps in every way, in JAX's present precision."""
    keys = jax.random.split(jax.random.PRNGKey(seed), num_envs)
    shape = (num_steps, num_envs, env.action_size)
    drawn = np.random.default_rng(seed).uniform(-1.0, 1.0, shape)
    actions = drawn.astype(jnp.result_type(float))
    batched = jax.vmap(env.step)
    start = jax.jit(jax.vmap(env.reset))(keys)
    step = jax.jit(batched)
    looped, recompiles = _loop(step, start, actions)
    scanned = jax.jit(lambda s, a: jax.lax.scan(lambda s, a: (batched(s, a), None), s, a)[0])
    donated = jax.jit(batched, donate_argnums=0)
    given = jax.tree.map(jnp.copy, start)
    for action in actions:
        given = donated(given, action)
    return Jit(
        max_abs_diff_eager=_eager_gap(env, at(start, 0), actions[:, 0]),
        max_abs_diff_vmap=_member_gap(env, start, actions, looped),
        max_abs_diff_scan=largest_gap(scanned(start, actions), looped),
        max_abs_diff_donated=largest_gap(given, looped),
        recompiles_after_warmup=recompiles,
        tolerance=tolerance,
    )


def _loop(step: Step, state: State, actions: np.ndarray) -> tuple[State, int]:
    """Step on the loop's own output; return the end, and what compiled after the second call."""
    for action in actions[:2]:
        state = step(state, action)
    with count_compilations() as compiled:
        for action in actions[2:]:
            state = step(state, action)
        jax.block_until_ready(state)
    return state, len(compiled)


def _eager_gap(env: WildRobotEnv, state: State, actions: np.ndarray) -> float:
    """Step one environment operation by operation."""
    step = jax.jit(env.step)
    ours = theirs = state
    for action in actions[:EAGER_STEPS]:
        ours, theirs = step(ours, action), env.step(theirs, action)
    return largest_gap(ours, theirs)


def _member_gap(env: WildRobotEnv, start: State, actions: np.ndarray, batch: State) -> float:
    """Step members of a batch alone."""
    step = jax.jit(env.step)
    gaps = []
    for i in range(min(MEMBERS, actions.shape[1])):
        state = at(start, i)
        for action in actions[:, i]:
            state = step(state, action)
        gaps.append(largest_gap(state, at(batch, i)))
    return max(gaps)


def largest_gap(ours: Any, theirs: Any) -> float:
    """Largest absolute difference between two pytrees of arrays; infinite if one is NaN."""
    gap = 0.0
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        gap = max(gap, largest(np.asarray(a, float) - np.asarray(b, float)))
    return gap


@contextmanager
def count_compilations() -> Iterator[list[str]]:
    """Collect the names of the programs that JAX compiles inside the block."""
    compiled: list[str] = []

    class Listener(logging.Handler):
        def emit(self, entry: logging.LogRecord) -> None:
            text = entry.getMessage()
            if text.startswith("Finished XLA compilation"):
                compiled.append(text)

    listener, logger = Listener(), logging.getLogger("jax")
    quiet, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        with jax.log_compiles():
            yield compiled
    finally:
        logger.removeHandler(listener)
        logger.propagate = quiet
