"""What reward, termination and privileged observation terms read: one control step in plain terms.

A context is arrays alone, so that a term's test needs arrays and no simulator.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_cli.env.gait import foot_phases
from wildrobot_cli.physics.protocol import PhysicsState
from wildrobot_cli.robot import Foot, Robot
from wildrobot_cli.runtime.observing.estimation import TURN
from wildrobot_cli.runtime.observing.rotations import to_heading_frame, up_vector, wrap_angle, yaw


class StepContext(NamedTuple):
    """The robot after a control step, with what was asked of it. `n` joints; feet left, right."""

    command: jax.Array
    """Commanded forward and leftward velocity [m/s], turning rate [rad/s]. Shape (3,)."""
    velocity: jax.Array
    """Planar root velocity in the heading frame [m/s]. Shape (2,)."""
    vertical_velocity: jax.Array
    """Root velocity along world z [m/s]. Shape ()."""
    angular_velocity: jax.Array
    """Angular velocity in the root's own frame [rad/s]. Shape (3,)."""
    up: jax.Array
    """World up in the root's own frame. Shape (3,)."""
    height: jax.Array
    """Root height above the ground below [m]. Shape ()."""
    heading: jax.Array
    """Heading of the root [rad]. Shape ()."""
    heading_error: jax.Array
    """Commanded minus true heading, in [-pi, pi) [rad]. Shape ()."""
    joint_positions: jax.Array
    """Joint angles from the home pose [rad]. Shape (n,)."""
    joint_velocities: jax.Array
    """Joint speeds [rad/s]. Shape (n,)."""
    torque: jax.Array
    """Shaft torque: servo torque less joint damping [Nm]. Shape (n,)."""
    foot_positions: jax.Array
    """Sole centres: x and y in the world, height above the ground below [m]. Shape (2, 3)."""
    foot_velocities: jax.Array
    """Sole centres' velocities, world frame [m/s]. Shape (2, 3)."""
    foot_up: jax.Array
    """Sole normals, world frame. Shape (2, 3)."""
    foot_forces: jax.Array
    """Normal force on each sole, in body weights. Shape (2,)."""
    foot_swing: jax.Array
    """Progress of each foot's phase through a cycle, 0 at lift-off. Shape (2,), in [0, 1)."""
    swing_fraction: float
    """Share of a cycle in the air."""
    push: jax.Array
    """Force from outside on the root: forward and leftward, in body weights. Shape (2,)."""
    latency: jax.Array
    """Of the link to the servos [s]. Shape ()."""
    action: jax.Array
    """The action taken. Shape (n,)."""
    last_action: jax.Array
    """The action before it. Shape (n,)."""
    groups: Mapping[str, np.ndarray]
    """Joint indices by group name."""


class Task(NamedTuple):
    """What a context needs beside the physics: what was asked, and what the policy did."""

    command: jax.Array
    heading_target: jax.Array
    phase: jax.Array
    action: jax.Array
    last_action: jax.Array
    damping: jax.Array
    """The joints' own damping [Nm s/rad]. Shape (n,)."""
    swing_fraction: float
    force: jax.Array
    """From outside on the root, in the world [N]. Shape (2,)."""
    latency: jax.Array
    """Of the link to the servos [s]. Shape ()."""


def read_context(robot: Robot, physics: PhysicsState, task: Task) -> StepContext:
    """Read a physics state in plain terms."""
    root, moving = physics.qpos[robot.root_qpos], physics.qvel[robot.root_qvel]
    quat, sensors = root[3:], physics.sensordata
    feet = (robot.feet.left, robot.feet.right)
    heading = yaw(quat, jnp)
    speeds = physics.qvel[robot.qvel_ids]
    return StepContext(
        command=task.command,
        velocity=to_heading_frame(moving[:2], heading, jnp),
        vertical_velocity=moving[2],
        angular_velocity=moving[3:],
        up=up_vector(quat, jnp),
        height=root[2],
        heading=heading,
        heading_error=wrap_angle(task.heading_target - heading, jnp),
        joint_positions=physics.qpos[robot.qpos_ids] - robot.home_qpos[robot.qpos_ids],
        joint_velocities=speeds,
        torque=physics.actuator_force - task.damping * speeds,
        foot_positions=jnp.stack([sensors[foot.position] for foot in feet]),
        foot_velocities=jnp.stack([sensors[foot.velocity] for foot in feet]),
        foot_up=jnp.stack([sensors[foot.up] for foot in feet]),
        foot_forces=jnp.stack([_load(sensors, foot) for foot in feet]) / robot.weight,
        foot_swing=foot_phases(task.phase) / TURN,
        swing_fraction=task.swing_fraction,
        push=to_heading_frame(task.force, heading, jnp) / robot.weight,
        latency=task.latency,
        action=task.action,
        last_action=task.last_action,
        groups=robot.groups,
    )


def _load(sensors: jax.Array, foot: Foot) -> jax.Array:
    """Normal force on a sole: the sum of its switches [N]. Shape ()."""
    return jnp.stack([sensors[switch][0] for switch in foot.switches]).sum()
