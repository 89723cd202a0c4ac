"""The engines that must conform to `physics.protocol.Engine`: one line for each."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import mujoco
from simulations import SUBSTEPS, Cases

from wildrobot_cli.physics.mjx import MjxEngine
from wildrobot_cli.physics.mujoco import MujocoEngine
from wildrobot_cli.physics.protocol import Engine, PhysicsState


class Kind(NamedTuple):
    """How to build an engine, and how near to MuJoCo's own arithmetic it comes."""

    make: Callable[[mujoco.MjModel, int], Engine]
    """From a model and its root body."""
    tolerance: float
    """Largest absolute difference after a few control steps in float64."""
    compiles_long: bool = False
    """Whether tests that need another program than the shared ones count as slow."""


ENGINES = {
    "mujoco": Kind(lambda model, root: MujocoEngine(model, root, SUBSTEPS), tolerance=0.0),
    "mjx": Kind(lambda model, root: MjxEngine(model, root, SUBSTEPS), 1e-10, compiles_long=True),
}


@dataclass(frozen=True)
class Rig:
    """An engine, compiled for batches of the cases once, and how the cases went on it."""

    make: Callable[[], Engine]
    """Builds another such engine."""
    engine: Engine
    tolerance: float
    init: Callable
    """Batched and compiled."""
    step: Callable
    """Batched and compiled."""
    started: PhysicsState
    """The cases at their start."""
    stepped: PhysicsState
    """The cases after one control step."""


def build(kind: Kind, model: mujoco.MjModel, root_body: int, cases: Cases) -> Rig:
    """Build and compile an engine in JAX's present precision."""

    def make() -> Engine:
        return kind.make(copy.copy(model), root_body)

    engine = make()
    init, step = jax.jit(jax.vmap(engine.init)), jax.jit(jax.vmap(engine.step))
    started = init({}, *cases.start)
    stepped = step({}, started, cases.ctrl, cases.wrench)
    return Rig(make, engine, kind.tolerance, init, step, started, stepped)
