"""Averages over a gait cycle: what is left of a motion when its steps are taken out."""

import numpy as np

from wildrobot_cli.evaluation.trajectory import Floats, Trajectory

DEFAULT_WINDOW = 1.0
"""Averaging window where there is no gait period [s]."""


def averaging_window(trajectory: Trajectory) -> int:
    """Return how many samples a gait cycle has; those of `DEFAULT_WINDOW` without a clock."""
    return max(1, round((trajectory.gait_period or DEFAULT_WINDOW) / trajectory.dt))


def cycle_mean(trajectory: Trajectory) -> Floats:
    """Planar velocity in the heading frame and yaw rate, averaged over the gait cycle before.

    The first cycle of an episode is averaged over what there is of it. Shape (T, N, 3)
    [m/s, m/s, rad/s].
    """
    window = averaging_window(trajectory)
    motion = np.concatenate([trajectory.velocity, trajectory.yaw_rate[..., None]], axis=-1)
    total = np.concatenate([np.zeros((1, *motion.shape[1:])), np.cumsum(motion, axis=0)])
    end = np.arange(1, trajectory.steps + 1)
    start = np.maximum(end - window, 0)
    mean: Floats = (total[end] - total[start]) / (end - start)[:, None, None]
    return mean
