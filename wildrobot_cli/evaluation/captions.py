"""What an animation says of its motion: time, command, measured speed, load on the feet."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from wildrobot_cli.evaluation.smoothing import cycle_mean
from wildrobot_cli.evaluation.trajectory import Floats, Trajectory

BAND = 60
"""Height of the captions [px], even as video wants it."""
LINE = 20
"""Height of their letters [px] ..."""
SMALL = 15
"""... where the command has several components, to leave room for the feet."""
INK, GROUND = (255, 255, 255), (28, 32, 38)
"""Colours of the text and of what it stands on."""
FEET = ((86, 180, 233), (230, 159, 0))
"""Colours of the load on the left and on the right foot; colour-blind readers can tell them."""
UNITS = ("m/s", "m/s left", "rad/s")
"""Of a command's three components."""
FULL = 1.5
"""Load that fills a foot's bar, in weights of the robot."""


@dataclass(frozen=True, eq=False)
class Captions:
    """What is written over T positions of a robot."""

    dt: float
    """Time between positions [s]."""
    command: Floats
    """Forward, leftward and turning command. Shape (T, 3) [m/s, m/s, rad/s]."""
    motion: Floats
    """The same as measured, averaged over a gait cycle. Shape (T, 3)."""
    load: Floats
    """Normal force on the left and right sole over weight. Shape (T, 2)."""


def captions_of(trajectory: Trajectory, episode: int) -> Captions:
    """What to write over an episode."""
    return Captions(
        trajectory.dt,
        trajectory.command[:, episode],
        cycle_mean(trajectory)[:, episode],
        trajectory.foot_force[:, episode] / trajectory.weight,
    )


def lines(captions: Captions, row: int) -> tuple[str, str]:
    """Return what is asked and what is measured at a row, in words."""
    asked = _asked(captions)

    def told(values: Floats) -> str:
        return ",  ".join(f"{values[i]:.2f} {UNITS[i]}" for i in asked)

    time = f"{captions.dt * (row + 1):.1f} s"
    return f"{time}   asked {told(captions.command[row])}", f"walks {told(captions.motion[row])}"


def _asked(captions: Captions) -> list[int]:
    """Components of the command to tell of: forward, and what is ever asked for."""
    return [i for i in range(3) if i == 0 or captions.command[:, i].any()]


def caption(frame: np.ndarray, captions: Captions, row: int) -> np.ndarray:
    """Return the frame with a row's captions under it. Shape (height + BAND, width, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = frame.shape[:2]
    picture = Image.new("RGB", (width, height + BAND), GROUND)
    picture.paste(Image.fromarray(frame))
    draw = ImageDraw.Draw(picture)
    font: Any = ImageFont.load_default(size=LINE)
    letters: Any = font if len(_asked(captions)) == 1 else ImageFont.load_default(size=SMALL)
    for text, middle in zip(lines(captions, row), (BAND * 0.3, BAND * 0.7), strict=True):
        draw.text((LINE, height + middle), text, fill=INK, font=letters, anchor="lm")
    top, bottom = height + LINE // 2, height + BAND - LINE // 2
    for foot, left in enumerate((width - 5 * LINE, width - 2 * LINE)):
        load = min(float(captions.load[row, foot]) / FULL, 1.0)
        middle = height + BAND // 2
        draw.text((left - LINE // 4, middle), "LR"[foot], fill=INK, font=font, anchor="rm")
        level = bottom - load * (bottom - top)
        draw.rectangle((left, level, left + LINE, bottom), fill=FEET[foot])
        draw.rectangle((left, top, left + LINE, bottom), outline=INK)
    return np.asarray(picture)
