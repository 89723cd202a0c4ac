"""Per-episode draws of model parameters, as pytrees that every engine applies."""

import jax
import jax.numpy as jnp
import mujoco

from wildrobot_cli.config.environment import RandomizationConfig
from wildrobot_cli.physics.protocol import Params, nominal

NONE = (1.0, 1.0)


def draw_params(rng: jax.Array, config: RandomizationConfig, model: mujoco.MjModel) -> Params:
    """Draw one simulation's model fields; those with the range 1..1 are left out.

    One factor is drawn for friction, and one for each body, joint or servo for the others.
    """
    keys = jax.random.split(rng, 5)
    params: Params = {}
    if config.friction != NONE:
        factor = _uniform(keys[0], config.friction, ())
        params["geom_friction"] = nominal(model, "geom_friction").at[:, 0].multiply(factor)
    if config.mass != NONE:
        factor = _uniform(keys[1], config.mass, (model.nbody,))
        params["body_mass"] = nominal(model, "body_mass") * factor
        params["body_inertia"] = nominal(model, "body_inertia") * factor[:, None]
    if config.damping != NONE:
        factor = _uniform(keys[2], config.damping, (model.nv,))
        params["dof_damping"] = nominal(model, "dof_damping") * factor
    if config.gain != NONE:
        factor = _uniform(keys[3], config.gain, (model.nu,))
        gain, bias = nominal(model, "actuator_gainprm"), nominal(model, "actuator_biasprm")
        params["actuator_gainprm"] = gain.at[:, 0].multiply(factor)
        params["actuator_biasprm"] = bias.at[:, 1].multiply(factor)
    if config.torque_limit != NONE:
        factor = _uniform(keys[4], config.torque_limit, (model.nu, 1))
        params["actuator_forcerange"] = nominal(model, "actuator_forcerange") * factor
    return params


def _uniform(key: jax.Array, limits: tuple[float, float], shape: tuple[int, ...]) -> jax.Array:
    low, high = limits
    return jax.random.uniform(key, shape, dtype=jnp.result_type(float), minval=low, maxval=high)
