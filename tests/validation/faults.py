"""Faults to plant into a candidate environment, each with the boundary that must be blamed."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import mujoco

from wildrobot_cli import EnvConfig, Robot, WildRobotEnv
from wildrobot_cli.physics.factory import engine_model
from wildrobot_cli.physics.mujoco import MujocoEngine


@dataclass(frozen=True)
class Fault:
    """A fault, and what a validator must say of it."""

    plant: Callable[[EnvConfig, Robot], WildRobotEnv]
    """Builds an environment that has it."""
    part: str
    name: str
    hint: str


class Overlaid:
    """An engine with something between it and the environment."""

    def __init__(self, engine: MujocoEngine) -> None:
        self._engine = engine
        self.name, self.model = engine.name, engine.model

    def init(self, params, qpos, qvel, ctrl):
        return self._engine.init(params, qpos, qvel, ctrl)

    def step(self, params, state, ctrl, wrench):
        return self._engine.step(params, state, ctrl, wrench)


class SwappedServos(Overlaid):
    def step(self, params, state, ctrl, wrench):
        return super().step(params, state, ctrl[jnp.array([0, 1, 2, 4, 3, *range(5, 11)])], wrench)


class FlippedGyro(Overlaid):
    def step(self, params, state, ctrl, wrench):
        after = super().step(params, state, ctrl, wrench)
        place = self.model.sensor_adr[self.model.sensor("imu_gyro").id]
        flipped = after.sensordata.at[place : place + 3].multiply(-1.0)
        return after.replace(sensordata=flipped)


class StaleFoot(Overlaid):
    def step(self, params, state, ctrl, wrench):
        after = super().step(params, state, ctrl, wrench)
        place = self.model.sensor_adr[self.model.sensor("left_sole_position").id]
        old = state.sensordata[place : place + 3]
        return after.replace(sensordata=after.sensordata.at[place : place + 3].set(old))


class NoisyActions(WildRobotEnv):
    def act(self, episode, action):
        noise = 0.01 * jax.random.normal(jax.random.PRNGKey(1), action.shape, action.dtype)
        return super().act(episode, action + noise)


class SwappedEncoders(WildRobotEnv):
    def _read_sensors(self, episode, last_encoders, rng):
        readings = super()._read_sensors(episode, last_encoders, rng)
        swapped = readings.joint_positions[jnp.array([0, 6, *range(2, 6), 1, *range(7, 11)])]
        return readings._replace(joint_positions=swapped)


class StaleEncoders(WildRobotEnv):
    def _read_sensors(self, episode, last_encoders, rng):
        readings = super()._read_sensors(episode, last_encoders, rng)
        late = last_encoders - self.robot.home_qpos[self.robot.qpos_ids]
        return readings._replace(joint_positions=late)


def changed_model(change: Callable[[mujoco.MjModel], None]):
    """An environment over a model with something changed."""

    def plant(config: EnvConfig, robot: Robot) -> WildRobotEnv:
        model = copy.copy(engine_model(robot, config, config.mujoco))
        change(model)
        engine = MujocoEngine(model, robot.root_body, config.substeps)
        return WildRobotEnv(config, engine, robot)

    return plant


def overlaid(kind: type[Overlaid]):
    """An environment with an overlaid engine."""

    def plant(config: EnvConfig, robot: Robot) -> WildRobotEnv:
        model = engine_model(robot, config, config.mujoco)
        engine = MujocoEngine(model, robot.root_body, config.substeps)
        return WildRobotEnv(config, kind(engine), robot)

    return plant


def reconfigured(**update):
    """An environment with some of its configuration replaced; dictionaries are merged."""

    def plant(config: EnvConfig, robot: Robot) -> WildRobotEnv:
        merged = {
            key: {**getattr(config, key), **{k: v(getattr(config, key)[k]) for k, v in new.items()}}
            for key, new in update.items()
        }
        return WildRobotEnv(config.model_copy(update=merged), robot=robot)

    return plant


def _gain(model):
    model.actuator_gainprm[3, 0] *= 1.01
    model.actuator_biasprm[3, 1] *= 1.01


def _gravity(model):
    model.opt.gravity[2] = -9.80


def _friction(model):
    model.geom_friction[:, 0] *= 0.9


def _heavier(term):
    return term.model_copy(update={"weight": 1.01 * term.weight})


def _scaled(term):
    return term.model_copy(update={"scale": 2.0 * term.scale})


def _stricter(term):
    return type(term)(limit=0.1)


FAULTS = {
    "one gain off by 1 %": Fault(
        changed_model(_gain), "physics", "qpos", "actuator_gainprm[3, 0] is 21.311, not 21.1"
    ),
    "two servos swapped": Fault(
        overlaid(SwappedServos), "physics", "qpos", "left_knee_pitch and left_ankle_pitch"
    ),
    "two encoders swapped": Fault(
        lambda config, robot: SwappedEncoders(config, robot=robot),
        "observation",
        "joint_positions",
        "1 and 6 are swapped",
    ),
    "one sensor's sign flipped": Fault(
        overlaid(FlippedGyro), "sensor", "imu_gyro", "the sign is flipped"
    ),
    "gravity 9.80": Fault(
        changed_model(_gravity), "physics", "qpos", "opt.gravity[2] is -9.8, not -9.81"
    ),
    "friction 10 % lower": Fault(
        changed_model(_friction), "physics", "qpos", "geom_friction[0, 0] is 0.9, not 1"
    ),
    "one reward weight 1 % up": Fault(
        reconfigured(rewards={"torque_l2": _heavier}),
        "reward",
        "torque_l2",
        "1.01 times the reference",
    ),
    "one observation scaled": Fault(
        reconfigured(observations={"gyro": _scaled}),
        "observation",
        "gyro",
        "2 times the reference",
    ),
    "one privileged observation scaled": Fault(
        reconfigured(privileged={"foot_heights": _scaled}),
        "observation",
        "foot_heights",
        "2 times the reference",
    ),
    "one termination stricter": Fault(
        reconfigured(terminations={"tilted": _stricter}), "termination", "tilted", ""
    ),
    "a stale sensor": Fault(
        overlaid(StaleFoot), "sensor", "left_sole_position", "one control step late"
    ),
    "stale encoders": Fault(
        lambda config, robot: StaleEncoders(config, robot=robot),
        "observation",
        "joint_positions",
        "one control step late",
    ),
    "action noise left on": Fault(
        lambda config, robot: NoisyActions(config, robot=robot),
        "action",
        "qpos",
        "what reaches the engine is not what was asked for",
    ),
}
