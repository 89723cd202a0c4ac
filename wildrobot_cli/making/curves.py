"""Human joint curves, and the foot in swing."""

from dataclasses import dataclass

import numpy as np

from wildrobot_cli.making.recipe import Human

HARMONICS = 8
"""Of the Fourier series through the joint curves; they fit within 0.9 degrees."""


@dataclass(frozen=True, eq=False)
class Swing:
    """How a foot moves through its swing, over the share s of it: 0 at lift-off, 1 at touchdown.

    All curves start and end at rest, so that the flat foot neither pulls nor strikes.
    """

    height: float
    """Of the sole at the top [m]."""
    top: float
    """Share s at the top."""
    haste: float
    """0: the least speed, a cubic; 1: minimum jerk (Flash and Hogan 1985, eq. A6)."""
    pitch: np.ndarray
    """Coefficients p of the pitch s^2 (1 - s)^2 (p0 + p1 s), toes down positive. Shape (2,)."""

    def progress(self, s: np.ndarray) -> np.ndarray:
        """Share of the way. Shape (T,)."""
        s = np.clip(s, 0.0, 1.0)
        cubic, smooth = s**2 * (3 - 2 * s), s**3 * (10 - 15 * s + 6 * s**2)
        return cubic + self.haste * (smooth - cubic)

    def lift(self, s: np.ndarray) -> np.ndarray:
        """Height of the sole: s^2 (1 - s)^b with its top at `top`. Shape (T,) [m]."""
        s = np.clip(s, 0.0, 1.0)
        power = 2 * (1 / self.top - 1)
        highest = self.top**2 * (1 - self.top) ** power
        return self.height / highest * s**2 * (1 - s) ** power

    def tilt(self, s: np.ndarray) -> np.ndarray:
        """Pitch of the sole, toes down positive. Shape (T,) [rad]."""
        s = np.clip(s, 0.0, 1.0)
        return s**2 * (1 - s) ** 2 * (self.pitch[0] + self.pitch[1] * s)


def human_pitch(human: Human) -> np.ndarray:
    """Pitch of the human foot in swing, as far as a foot can that lifts off and lands flat.

    Against the floor it is thigh less knee plus ankle: from 40 degrees toes down to 10 degrees toes
    up. Its least-squares fit by s^2 (1 - s)^2 (p0 + p1 s) starts and ends at zero. Shape (2,).
    """
    s = np.linspace(0.0, 1.0, 101)
    cycle = human.toe_off + (1 - human.toe_off) * s
    hip, knee, ankle = (series(c, cycle) for c in (human.hip, human.knee, human.ankle))
    down = np.radians(knee - hip - ankle)
    basis = (s**2 * (1 - s) ** 2)[:, None] * np.stack([np.ones_like(s), s], axis=-1)
    return np.linalg.lstsq(basis, down, rcond=None)[0]


def series(curve: tuple[float, ...], cycle: np.ndarray) -> np.ndarray:
    """Fourier series through a closed curve, at shares of the cycle. Shapes (P,), (T,) -> (T,)."""
    spectrum = np.fft.rfft(curve[:-1]) / (len(curve) - 1)
    spectrum[1:] *= 2
    orders = np.arange(min(HARMONICS + 1, len(spectrum)))
    return np.real(np.exp(2j * np.pi * cycle[:, None] * orders) @ spectrum[: len(orders)])
