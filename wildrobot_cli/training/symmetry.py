"""Walking is the same in a mirror: networks that see every step as the left foot's.

In the second half of the gait cycle, when the right foot swings, a symmetric network is shown the
world mirrored about the x-z plane and its answer is mirrored back (the phase method of
Abdolhosseini et al. 2019). So both feet learn from each step, and a mirrored robot does the mirror
image of what it would have done. A gait may still differ between its feet: two unlike steps
can follow each other for good, where nothing in the reward is against it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from brax.training.agents.ppo.networks import PPONetworks
from brax.training.networks import FeedForwardNetwork

from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY, WildRobotEnv
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.mirror import COMMAND, RATES, VECTOR, mirror_joints
from wildrobot_cli.robot import Robot

_OTHERWISE = "for such a robot set ppo.symmetric: false"
_STRAIGHT = 1e-3
"""How crooked a symmetric robot may be [rad]."""


@dataclass(frozen=True, eq=False)
class Reflection:
    """The mirror image of a vector: its parts change places, and some of them their sign."""

    places: np.ndarray
    """Where each part of the image comes from. Shape (d,), int."""
    signs: np.ndarray
    """Its factor, 1 or -1. Shape (d,), float32."""

    def __call__(self, values: Any) -> Any:
        """Mirror values. Shape (..., d) -> (..., d)."""
        return values[..., self.places] * self.signs

    @classmethod
    def by_signs(cls, signs: Sequence[float] | np.ndarray) -> "Reflection":
        """Of a vector whose parts stay where they are."""
        return cls(np.arange(len(signs)), np.array(signs, np.float32))


@dataclass(frozen=True, eq=False)
class Symmetry:
    """What mirroring does to a robot's observations and actions."""

    observations: Mapping[str, Reflection]
    """Of the policy's and the value function's observations, by their keys."""
    action: Reflection
    """Of an action."""
    clock: int
    """Place of the sine of the left foot's phase in both observations."""


def symmetry_of(env: WildRobotEnv) -> Symmetry:
    """Find out how an environment's observations and actions are mirrored.

    Raises:
        ConfigError: the robot is no mirror image of itself, or the policy does not see the phase.
    """
    robot, terms = env.robot, env.config.observations
    policy = list(terms)
    if "phase" not in policy:
        raise ConfigError("ppo.symmetric: needs env.observations.phase, or ppo.symmetric: false")
    try:
        joints = Reflection(*mirror_joints(robot))
    except ConfigError as error:
        raise ConfigError(f"{error}; {_OTHERWISE}") from None
    _check_pose(robot, joints)
    images = term_images(joints)
    seen = [_joined([images[name]] * (1 + terms[name].history)) for name in policy]
    privileged = [images[name] for name in env.config.privileged]
    whole = {POLICY_KEY: _joined(seen), VALUE_KEY: _joined([*seen, *privileged])}
    before = sum(len(image.signs) for image in seen[: policy.index("phase")])
    return Symmetry(whole, joints, clock=before + 1)


def symmetric(networks: PPONetworks, symmetry: Symmetry) -> PPONetworks:
    """Return the same networks, to which the right foot's half of the cycle is the left foot's."""
    policy = _mirrored(networks.policy_network, symmetry, POLICY_KEY, symmetry.action)
    value = _mirrored(networks.value_network, symmetry, VALUE_KEY, None)
    return dataclasses.replace(networks, policy_network=policy, value_network=value)


def _mirrored(
    network: FeedForwardNetwork, symmetry: Symmetry, key: str, action: Reflection | None
) -> FeedForwardNetwork:
    """Mirror what a network sees of `key`, and mirror back the action that it gives, if any."""
    reflect = symmetry.observations[key]

    def apply(normalizer: Any, params: Any, observation: Any) -> jax.Array:
        seen = observation[key]
        right = seen[..., symmetry.clock] < 0
        shown = jnp.where(right[..., None], reflect(seen), seen)
        output = network.apply(normalizer, params, {**observation, key: shown})
        if action is None:
            return output
        mean, spread = jnp.split(output, 2, axis=-1)
        image = jnp.concatenate([action(mean), spread[..., action.places]], axis=-1)
        return jnp.where(right[..., None], image, output)

    return dataclasses.replace(network, apply=apply)


def _check_pose(robot: Robot, joints: Reflection) -> None:
    """Raise `ConfigError` where the mirrored robot at home is another one."""
    home = robot.home_ctrl.astype(np.float32)
    crooked = np.abs(joints(home) - home) > _STRAIGHT
    if crooked.any():
        joint = int(np.argmax(crooked))
        raise ConfigError(
            f"robot '{robot.name}': at home joint '{robot.joint_names[joint]}' stands at "
            f"{home[joint]:.3f} rad, and its mirror image elsewhere; {_OTHERWISE}"
        )
    data = mujoco.MjData(robot.model)
    data.qpos[:] = robot.home_qpos
    mujoco.mj_forward(robot.model, data)
    frame = np.zeros(9)
    mujoco.mju_quat2Mat(frame, data.sensordata[robot.imu.orientation])
    across = frame.reshape(3, 3)[:, 1]
    if np.hypot(across[0], across[2]) > _STRAIGHT:
        raise ConfigError(
            f"robot '{robot.name}': the IMU's y axis points to ({across[0]:.3f}, {across[1]:.3f}, "
            f"{across[2]:.3f}) at home, expected to the side; {_OTHERWISE}"
        )


def term_images(joints: Reflection) -> dict[str, Reflection]:
    """How each term of the observations is mirrored, where joints are so."""
    sides = Reflection(np.array([1, 0]), np.ones(2, np.float32))
    return {
        "gyro": Reflection.by_signs(RATES),
        "up_vector": Reflection.by_signs(VECTOR),
        "heading_error": Reflection.by_signs((-1.0,)),
        "command": Reflection.by_signs(COMMAND),
        "phase": Reflection.by_signs((-1.0, -1.0)),
        "joint_positions": joints,
        "joint_velocities": joints,
        "last_action": joints,
        "root_velocity": Reflection.by_signs(VECTOR),
        "root_height": Reflection.by_signs((1.0,)),
        "foot_heights": sides,
        "foot_forces": sides,
        "push": Reflection.by_signs(COMMAND[:2]),
        "latency": Reflection.by_signs((1.0,)),
    }


def _joined(parts: list[Reflection]) -> Reflection:
    """The reflection of vectors that stand one behind the other."""
    starts = np.cumsum([0, *(len(part.signs) for part in parts)])
    places = [part.places + start for part, start in zip(parts, starts, strict=False)]
    return Reflection(np.concatenate(places), np.concatenate([part.signs for part in parts]))
