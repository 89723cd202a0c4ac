"""Per-episode draws of model parameters, as pytrees that every engine applies."""

import jax
import jax.numpy as jnp

from wildrobot_cli.config.base import Range
from wildrobot_cli.config.disturbances import RandomizationConfig
from wildrobot_cli.physics.protocol import Params, nominal
from wildrobot_cli.robot import Robot

NONE = (1.0, 1.0)

_PER_DOF = {
    "damping": "dof_damping",
    "friction_loss": "dof_frictionloss",
    "armature": "dof_armature",
}
"""Ranges with a factor for each joint, and the fields that they are factors of."""


def draw_params(rng: jax.Array, config: RandomizationConfig, robot: Robot) -> Params:
    """Draw one simulation's model fields; those with the range 1..1 are left out.

    One factor is drawn for friction, and one for each body, joint or servo for the others.
    """
    model, keys = robot.model, jax.random.split(rng, 6)
    params = _draw_inertia(keys[0], config, robot)
    if config.friction != NONE:
        factor = _uniform(keys[1], config.friction, ())
        params["geom_friction"] = nominal(model, "geom_friction").at[:, 0].multiply(factor)
    for key, (name, field) in zip(jax.random.split(keys[2], 3), _PER_DOF.items(), strict=True):
        limits = getattr(config, name)
        if limits != NONE:
            params[field] = nominal(model, field) * _uniform(key, limits, (model.nv,))
    if config.gain != NONE:
        factor = _uniform(keys[3], config.gain, (model.nu,))
        gain, bias = nominal(model, "actuator_gainprm"), nominal(model, "actuator_biasprm")
        params["actuator_gainprm"] = gain.at[:, 0].multiply(factor)
        params["actuator_biasprm"] = bias.at[:, 1].multiply(factor)
    if config.torque_limit != NONE:
        factor = _uniform(keys[4], config.torque_limit, (model.nu, 1))
        params["actuator_forcerange"] = nominal(model, "actuator_forcerange") * factor
    return params


def eased_params(params: Params, share: jax.Array, robot: Robot) -> Params:
    """Parameters that differ from the robot's own by a share of what they do, in 0..1."""
    own = {field: nominal(robot.model, field) for field in params}
    return {field: own[field] + share * (params[field] - own[field]) for field in params}


def _draw_inertia(rng: jax.Array, config: RandomizationConfig, robot: Robot) -> Params:
    """Draw masses with their inertias, and where the IMU's body has its centre of mass."""
    model, keys = robot.model, jax.random.split(rng, 3)
    params: Params = {}
    if config.mass != NONE or config.chassis_mass != NONE:
        factor = _uniform(keys[0], config.mass, (model.nbody,))
        payload = _uniform(keys[1], config.chassis_mass, ())
        factor = factor.at[robot.imu_body].multiply(payload)
        params["body_mass"] = nominal(model, "body_mass") * factor
        params["body_inertia"] = nominal(model, "body_inertia") * factor[:, None]
    if config.com:
        offset = _uniform(keys[2], (-config.com, config.com), (3,))
        params["body_ipos"] = nominal(model, "body_ipos").at[robot.imu_body].add(offset)
    return params


def _uniform(key: jax.Array, limits: Range, shape: tuple[int, ...]) -> jax.Array:
    low, high = limits
    return jax.random.uniform(key, shape, dtype=jnp.result_type(float), minval=low, maxval=high)
