"""What the environment carries from one control step to the next."""

import jax
from flax import struct

from wildrobot_cli.env.disturbances import Disturbance
from wildrobot_cli.env.ground import Ground
from wildrobot_cli.physics.protocol import Params, PhysicsState


@struct.dataclass(kw_only=True)
class Episode:
    """Everything that an episode's future depends on, beside the noise still to be drawn."""

    physics: PhysicsState
    """The simulation."""
    params: Params
    """This episode's model fields."""
    schedule: jax.Array
    """Commands, one for each `hold` seconds [m/s, m/s, rad/s]. Shape (k, 3)."""
    command: jax.Array
    """The command in force [m/s, m/s, rad/s]. Shape (3,)."""
    heading_target: jax.Array
    """Integral of the commanded turning rate [rad]. Shape ()."""
    phase: jax.Array
    """Phase of the left foot [rad]. Shape ()."""
    action: jax.Array
    """The last action taken. Shape (n,)."""
    last_action: jax.Array
    """The one before it. Shape (n,)."""
    encoders: jax.Array
    """Joint angles as the encoders last gave them [rad]. Shape (n,)."""
    disturbance: Disturbance = Disturbance()
    """What it has to bear."""
    ground: Ground | None = None
    """What it stands on; None is a level floor."""
    command_share: jax.Array | None = None
    """Share of the commands' ranges in use; None is all. Shape ()."""
