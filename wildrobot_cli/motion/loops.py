"""Loops that walk straight: what a clock's strides and a mean gait cycle are taken from."""

from collections.abc import Iterable

from wildrobot_cli.motion.clip import Clip

DIGITS = 3
"""Speeds are the same to this many digits of a metre per second."""


def straight_loops(clips: Iterable[Clip]) -> list[Clip]:
    """The clips that walk on for ever, forward or back, without going sideways or turning."""
    return [
        clip for clip in clips if clip.loop and clip.frequency > 0 and not clip.command[:, 1:].any()
    ]


def by_speed(clips: Iterable[Clip]) -> dict[float, list[Clip]]:
    """Clips by their labelled forward velocity at the start [m/s], the slowest first."""
    found: dict[float, list[Clip]] = {}
    for clip in clips:
        found.setdefault(round(float(clip.command[0, 0]), DIGITS), []).append(clip)
    return dict(sorted(found.items()))
