"""Termination terms: each is true in a state that counts as a failure. A timeout is not one."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from wildrobot_cli.config.environment import Term
from wildrobot_cli.env.context import StepContext
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.robot import Robot


def tilted(ctx: StepContext, *, limit: float) -> jax.Array:
    """The root leans by more than `limit` [rad]. Shape (), bool."""
    return ctx.up[2] < jnp.cos(limit)


def too_low(ctx: StepContext, *, limit: float) -> jax.Array:
    """The root is lower than `limit` [m]. Shape (), bool."""
    return ctx.height < limit


TERMS = {f.__name__: f for f in (tilted, too_low)}

_SHARE = 0.63
"""How low a robot may sink, of the height at which it stands: what WildRobot's limit is of its."""


def check_home(terms: Mapping[str, Term], robot: Robot) -> None:
    """Refuse a limit that the home pose is beyond: every episode would end where it begins.

    Raises:
        ConfigError: the robot stands lower than `too_low` allows.
    """
    if too_low.__name__ not in terms:
        return
    limit = terms[too_low.__name__].parameters["limit"]
    height = float(robot.home_qpos[robot.root_qpos][2])
    if limit >= height:
        raise ConfigError(
            f"env.terminations.too_low.limit: expected less than {height:.3f} m, at which robot "
            f"'{robot.name}' stands, got {limit:g}; try {_SHARE * height:.2f}"
        )
