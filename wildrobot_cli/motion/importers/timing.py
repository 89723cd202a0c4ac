"""Even time bases."""

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import require_frames

JITTER = 0.02
"""Frames may be this much off an even spacing, as a share of it."""


def rate_of(where: str, times: np.ndarray) -> float:
    """Return the frames per second of evenly spaced times. Shape (T,) [s] -> [Hz].

    Raises:
        ConfigError: there are too few, or they jump.
    """
    require_frames(where, len(times))
    if not np.isfinite(times).all():
        frame = int(np.argwhere(~np.isfinite(times))[0, 0])
        raise ConfigError(f"{where}: time: frame {frame}: expected finite numbers")
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    off = np.abs(gaps - usual)
    if usual <= 0 or off.max() > JITTER * usual:
        frame = int(off.argmax()) + 1
        found = f"frame {frame} comes {gaps[frame - 1]:.4g} s after the one before"
        raise ConfigError(f"{where}: time: expected frames {usual:.4g} s apart; {found}")
    return (len(times) - 1) / float(times[-1] - times[0])
