"""How the feet move: contact, swings, steps, and the figures of a gait drawn from them.

Every figure pools the samples (or swings, or touchdowns) of all episodes, leaves out what lies
after a fall and the first `STARTUP` seconds, and is None where there is nothing to count.
"""

from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wildrobot_cli.evaluation.trajectory import Bools, Floats, Ints, Trajectory

STARTUP = 2.0
"""Time at the start of an episode that tracking and gait figures leave out [s]."""
CONTACT_SHARE = 0.05
"""A foot is in contact when its normal force is above this share of the weight."""
GLITCH = 2
"""Contacts and gaps shorter than this are noise; so are touchdowns less far apart [samples]."""
STEP_SWING = 0.1
"""A step ends a swing at least this long; shorter gaps are a foot that load leaves and returns to,
as when the other one lands [s]."""
MIN_STRIDE = 0.01
"""Mean stride below which step length has no meaningful asymmetry [m]."""


class Swings(NamedTuple):
    """Complete swings: S runs of samples without contact, between two stances of a foot."""

    episode: Ints
    """Shape (S,)."""
    foot: Ints
    """0 is left, 1 is right. Shape (S,)."""
    liftoff: Ints
    """First sample without contact. Shape (S,)."""
    touchdown: Ints
    """First sample in contact again. Shape (S,)."""


class Touchdowns(NamedTuple):
    """All E touchdowns, ordered by episode, then by time."""

    episode: Ints
    """Shape (E,)."""
    foot: Ints
    """0 is left, 1 is right. Shape (E,)."""
    sample: Ints
    """First sample in contact. Shape (E,)."""
    follows: Bools
    """Whether the touchdown before it is of the same episode. Shape (E,)."""
    alternates: Bools
    """Whether it follows one of the other foot, neither being a two-footed landing. Shape (E,)."""


def number(value: float | np.floating[Any]) -> float | None:
    """Return a plain float, or None for what is not finite."""
    return float(value) if np.isfinite(value) else None


def mean_or_none(values: ArrayLike) -> float | None:
    """Mean of all values, or None if there are none or it is not finite."""
    values = np.asarray(values)
    return number(values.mean()) if values.size else None


def first_settled(trajectory: Trajectory) -> int:
    """First sample after the start-up time: the smallest k with k * dt >= `STARTUP`."""
    return ceil(STARTUP / trajectory.dt - 1e-9)


def settled(trajectory: Trajectory) -> Bools:
    """Whether a sample is of a running episode and after the start-up time. Shape (T, N)."""
    late = np.arange(trajectory.steps) >= first_settled(trajectory)
    return trajectory.alive & late[:, None]


def contacts(trajectory: Trajectory) -> Bools:
    """Whether each foot is in contact, debounced; False after a fall. Shape (T, N, 2).

    Contact is a normal force above 5 % of weight. First single-sample gaps in a contact are
    closed, then single-sample contacts dropped. A run of one sample at the start or the end of
    an episode is kept: its true length is not known.
    """
    alive = trajectory.alive[..., None]
    contact = (trajectory.foot_force > CONTACT_SHARE * trajectory.weight) & alive
    gap = contact[:-2] & ~contact[1:-1] & contact[2:]
    contact[1:-1] |= gap
    blip = ~contact[:-2] & contact[1:-1] & ~contact[2:] & alive[2:]
    contact[1:-1] &= ~blip
    return contact


def without_short_gaps(trajectory: Trajectory, contact: Bools) -> Bools:
    """Contacts with every gap between two of them closed that is no swing. Shape (T, N, 2)."""
    steps = np.arange(trajectory.steps)[:, None, None]
    last = np.maximum.accumulate(np.where(contact, steps, -trajectory.steps), axis=0)
    later = np.where(contact, steps, 2 * trajectory.steps)[::-1]
    gap = np.minimum.accumulate(later, axis=0)[::-1] - last - 1
    closed: Bools = contact | (gap < round(STEP_SWING / trajectory.dt))
    return closed & trajectory.alive[..., None]


def find_swings(trajectory: Trajectory, contact: Bools) -> Swings:
    """Return the complete swings that begin after the start-up time.

    A swing cut off by the end of the episode is left out.
    """
    by_foot = contact.transpose(1, 2, 0)
    before, after = by_foot[..., :-1], by_foot[..., 1:]
    alive = trajectory.alive.T[:, None, 1:]
    episode, foot, sample = np.nonzero((before != after) & alive)
    down = after[episode, foot, sample]
    same = (episode[:-1] == episode[1:]) & (foot[:-1] == foot[1:])
    late = sample[:-1] + 1 >= first_settled(trajectory)
    start = np.flatnonzero(~down[:-1] & same & late)
    return Swings(episode[start], foot[start], sample[start] + 1, sample[start + 1] + 1)


def clearances(trajectory: Trajectory, swings: Swings) -> Floats:
    """Highest sole-centre height in each swing above the last sample of contact. Shape (S,) [m]."""
    if not swings.episode.size:
        return np.zeros(0)
    height = trajectory.foot_position[..., 2].transpose(1, 2, 0).ravel()
    row = (2 * swings.episode + swings.foot) * trajectory.steps
    bounds = np.stack([row + swings.liftoff, row + swings.touchdown], axis=1).ravel()
    highest = np.maximum.reduceat(height, bounds)[::2]
    clearance: Floats = highest - height[row + swings.liftoff - 1]
    return clearance


def find_touchdowns(trajectory: Trajectory, contact: Bools) -> Touchdowns:
    """Return the touchdowns after the start-up time.

    Both feet touching down less than `GLITCH` samples apart are one two-footed landing, as in a
    hop: neither touchdown alternates, nor does the next one.
    """
    first = max(first_settled(trajectory), 1)
    landed = contact[first:] & ~contact[first - 1 : -1]
    episode, sample, foot = np.nonzero(landed.transpose(1, 0, 2))
    follows = np.zeros(episode.size, dtype=np.bool_)
    follows[1:] = episode[1:] == episode[:-1]
    close = follows.copy()
    close[1:] &= np.diff(sample) < GLITCH
    joint = close.copy()
    joint[:-1] |= close[1:]
    alternates = follows & ~joint
    alternates[1:] &= (foot[1:] != foot[:-1]) & ~joint[:-1]
    return Touchdowns(episode, foot, sample + first, follows, alternates)


def step_times(trajectory: Trajectory, touchdowns: Touchdowns) -> Floats:
    """Time of each step: from the other foot's touchdown to this one. Shape (steps,) [s]."""
    this = np.flatnonzero(touchdowns.alternates)
    samples = touchdowns.sample[this] - touchdowns.sample[this - 1]
    return samples.astype(np.float64) * trajectory.dt


def step_lengths(trajectory: Trajectory, touchdowns: Touchdowns) -> Floats:
    """How far forward each step lands of where the other foot landed. Shape (steps,) [m].

    Forward is the root's heading at the touchdown; a step that lands behind is negative.
    """
    this = np.flatnonzero(touchdowns.alternates)
    episode, sample, foot = touchdowns.episode, touchdowns.sample, touchdowns.foot
    landing = trajectory.foot_position[sample, episode, foot, :2]
    heading = trajectory.heading[sample[this], episode[this]]
    forward = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    length: Floats = ((landing[this] - landing[this - 1]) * forward).sum(axis=-1)
    return length


def asymmetry(
    values: Floats, episode: Ints, foot: Ints, episodes: int, smallest: float = 0.0
) -> float | None:
    """100 |L - R| / |L + R| * 2 of the two feet's means, 0 = symmetric [%].

    Taken for each episode, so that a limp on the left in one does not cancel a limp on the right
    in another, then averaged with the number of values as weight. Episodes in which a foot has
    no value, or in which |L + R| is not above `smallest`, are left out.
    """
    key = 2 * episode + foot
    count = np.bincount(key, minlength=2 * episodes).reshape(-1, 2)
    total = np.bincount(key, weights=values, minlength=2 * episodes).reshape(-1, 2)
    left, right = (total / np.maximum(count, 1)).T
    defined = (count > 0).all(axis=1) & (np.abs(left + right) > smallest)
    if not defined.any():
        return None
    left, right, weight = left[defined], right[defined], count[defined].sum(axis=1)
    each = 200.0 * np.abs(left - right) / np.abs(left + right)
    return number(np.average(each, weights=weight))


def symmetry(trajectory: Trajectory, touchdowns: Touchdowns) -> float | None:
    """Return the worse asymmetry of step time and step length, 0 = symmetric [%].

    Step length is left out where the mean stride is below `MIN_STRIDE` (stepping on the spot or
    sideways); None if no two feet ever took turns.
    """
    this = touchdowns.alternates
    episode, foot, count = touchdowns.episode[this], touchdowns.foot[this], trajectory.episodes
    figures = (
        asymmetry(step_times(trajectory, touchdowns), episode, foot, count),
        asymmetry(step_lengths(trajectory, touchdowns), episode, foot, count, MIN_STRIDE),
    )
    return max((figure for figure in figures if figure is not None), default=None)


def gait_metrics(trajectory: Trajectory) -> dict[str, Any]:
    """Return the gait's figures, under their names in the JSON of `eval`.

    `duty_factor`, `double_support`, `flight`: shares of samples with this foot, both feet, no
    foot in contact. `swing_clearance_m`: median over swings of `clearances`, gaps in a contact that
    are shorter than `STEP_SWING` left out. `foot_slip_mps`:
    mean planar speed of the sole's centre over all contact samples, touchdown, roll-over and
    lift-off included. `alternation`: share of touchdowns that follow one of the other foot, of
    those that follow any, those of a foot that chatters included. `symmetry_pct`: see
    `symmetry`, of the touchdowns that end a swing of `STEP_SWING` or more.
    """
    contact, when = contacts(trajectory), settled(trajectory)
    left, right = contact[when].T
    stances = without_short_gaps(trajectory, contact)
    touchdowns = find_touchdowns(trajectory, contact)
    swings, steps = find_swings(trajectory, stances), find_touchdowns(trajectory, stances)
    height = clearances(trajectory, swings)
    highest = [height[swings.foot == foot] for foot in (0, 1)]
    medians = [number(np.median(heights)) if heights.size else None for heights in highest]
    sliding = trajectory.foot_velocity[contact & when[..., None]][:, :2]
    return {
        "duty_factor": {"left": mean_or_none(left), "right": mean_or_none(right)},
        "double_support": mean_or_none(left & right),
        "flight": mean_or_none(~left & ~right),
        "swing_clearance_m": {"left": medians[0], "right": medians[1]},
        "foot_slip_mps": mean_or_none(np.linalg.norm(sliding, axis=-1)),
        "symmetry_pct": symmetry(trajectory, steps),
        "alternation": mean_or_none(touchdowns.alternates[touchdowns.follows]),
    }
