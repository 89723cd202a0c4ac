"""Simulations to step, and MuJoCo itself as the reference that engines are compared with."""

import copy
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from wildrobot_cli.physics.protocol import PhysicsState
from wildrobot_cli.robot import Robot

SUBSTEPS = 5
CONTROL_PERIOD = 0.02


def tilted(quats: np.ndarray) -> np.ndarray:
    """Quaternions, turned a little further about x. Shape (count, 4)."""
    turned, tilt = np.zeros_like(quats), np.array([np.cos(0.02), np.sin(0.02), 0.0, 0.0])
    for row, quat in zip(turned, quats, strict=True):
        mujoco.mju_mulQuat(row, quat, tilt)
    return turned


CHANGES = {
    "geom_friction": lambda nominal: nominal * [0.4, 1.0, 1.0],
    "geom_pos": lambda nominal: nominal + [0.0, 0.0, 0.002],
    "geom_quat": lambda nominal: tilted(nominal),
    "body_mass": lambda nominal: nominal * np.linspace(0.7, 1.3, nominal.size),
    "body_inertia": lambda nominal: nominal * 1.5,
    "body_ipos": lambda nominal: nominal + [0.01, 0.02, -0.01],
    "dof_damping": lambda nominal: nominal * 1.3,
    "dof_frictionloss": lambda nominal: nominal * 4.0,
    "dof_armature": lambda nominal: nominal * 1.5,
    "actuator_gainprm": lambda nominal: nominal * 1.2,
    "actuator_biasprm": lambda nominal: nominal * 1.2,
    "actuator_forcerange": lambda nominal: nominal * 0.5,
}
"""For every field that engines randomize, another value."""


@dataclass(frozen=True)
class Cases:
    """Simulations of one robot."""

    qpos: np.ndarray
    """Shape (count, nq)."""
    qvel: np.ndarray
    """Shape (count, nv)."""
    ctrl: np.ndarray
    """Shape (count, nu)."""
    wrench: np.ndarray
    """Shape (count, 6)."""

    @property
    def start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `Engine.init` takes."""
        return self.qpos, self.qvel, self.ctrl


def make_cases(robot: Robot) -> Cases:
    """At rest, moving in contact, in the air, tilted, sunk into the floor, turned and pushed."""
    rng = np.random.default_rng(0)
    count, model = 6, robot.model
    noise = rng.uniform(-0.1, 0.1, (count, model.nu)) * (np.arange(count) > 0)[:, None]
    qpos = np.tile(robot.home_qpos, (count, 1))
    qpos[:, robot.qpos_ids] = np.clip(qpos[:, robot.qpos_ids] + noise, robot.lower, robot.upper)
    qpos[2, 2] += 0.5
    qpos[3, 3:7] = np.cos(0.25), np.sin(0.25), 0.0, 0.0
    qpos[4, 2] -= 0.005
    qpos[5, 3:7] = np.cos(1.0), 0.0, 0.0, np.sin(1.0)
    qvel = rng.uniform(-0.5, 0.5, (count, model.nv)) * (np.arange(count) > 0)[:, None]
    ctrl = robot.home_ctrl + 4 * noise
    wrench = np.zeros((count, 6))
    wrench[5] = 10.0, -20.0, 5.0, 1.0, -1.0, 2.0
    return Cases(qpos, qvel, ctrl, wrench)


def busy(cases: Cases, count: int) -> Cases:
    """The same simulation many times: feet sliding, joints turning, servos at their limit."""
    qvel = cases.qvel[1].copy()
    qvel[0] = 0.8
    rows = (cases.qpos[1], qvel, cases.ctrl[1], cases.wrench[1])
    return Cases(*(np.tile(row, (count, 1)) for row in rows))


class Reference:
    """A plain loop of `mujoco.mj_step` on one simulation."""

    def __init__(self, model: mujoco.MjModel, root_body: int) -> None:
        self.model = model
        self.data = mujoco.MjData(model)
        self._root_body = root_body

    def init(self, qpos: np.ndarray, qvel: np.ndarray, ctrl: np.ndarray) -> "Reference":
        """Put the simulation into a state and compute its sensors."""
        self.data.qpos[:], self.data.qvel[:], self.data.ctrl[:] = qpos, qvel, ctrl
        mujoco.mj_forward(self.model, self.data)
        return self

    def step(self, ctrl: np.ndarray, wrench: np.ndarray) -> "Reference":
        """Advance one control period."""
        self.data.ctrl[:] = ctrl
        self.data.xfrc_applied[self._root_body] = wrench
        for _ in range(SUBSTEPS):
            mujoco.mj_step(self.model, self.data)
        return self

    def error(self, state: PhysicsState, index: int) -> float:
        """Largest absolute difference to a simulation in a batch of an engine's."""
        names = ("qpos", "qvel", "sensordata", "actuator_force", "time")
        pairs = [(getattr(state, name)[index], getattr(self.data, name)) for name in names]
        return max(float(np.max(np.abs(np.asarray(a) - b))) for a, b in pairs)


def with_fields(model: mujoco.MjModel, **fields: np.ndarray) -> mujoco.MjModel:
    """A plain model with some fields changed, and what derives from them brought along."""
    changed = copy.copy(model)
    for name, value in fields.items():
        getattr(changed, name)[...] = value
    mujoco.mj_setConst(changed, mujoco.MjData(changed))
    return changed


def difference(a: Any, b: Any) -> float:
    """Largest absolute difference of two states of one engine."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(np.max(np.abs(np.asarray(x, float) - np.asarray(y, float)))) for x, y in pairs)


def rows(tree: Any, index: Any) -> Any:
    """One simulation, or some, of a batch."""
    return jax.tree.map(lambda leaf: leaf[jnp.asarray(index)], tree)
