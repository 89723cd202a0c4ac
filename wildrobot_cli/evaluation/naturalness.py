"""How much a policy walks as its reference does, measured from rollouts, not from its rewards."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from brax.training import networks

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.ground import height_at
from wildrobot_cli.env.reference import Reference
from wildrobot_cli.evaluation.gait import settled
from wildrobot_cli.evaluation.smoothing import averaging_window
from wildrobot_cli.evaluation.trajectory import Bools, Floats, Trajectory
from wildrobot_cli.motion.clip import Clip, positions
from wildrobot_cli.motion.frames import frames_at
from wildrobot_cli.motion.loops import by_speed, straight_loops
from wildrobot_cli.robot import Robot
from wildrobot_cli.training.amp import area_under_curve

BINS = 40
"""Parts of a gait cycle."""
LEAST_RANGE = 0.05
"""Joints that the reference moves less than this have no range to compare [rad]."""
SAMPLES = 2000
"""Windows of each kind that the fresh classifier learns from, and is tried on."""
CLASSIFIER_STEPS = 300
"""Gradient steps that it learns for."""
SPARC_SECONDS = 4.0
"""Length of the motions whose smoothness is compared [s]."""


class Cycles(NamedTuple):
    """The reference's mean gait cycle at each speed."""

    speeds: Floats
    """Growing. Shape (V,) [m/s]."""
    angles: Floats
    """Joint angles by phase. Shape (V, BINS, n) [rad]."""


def naturalness(trajectory: Trajectory, robot: Robot, config: EnvConfig) -> dict[str, Any]:
    """Hold rollouts against the reference of their configuration, clips held out included.

    Returns:
        `joint_rmse_deg` and `rom_ratio` over the cycle, phases aligned; `fresh_auc`, how well a
        freshly trained classifier tells windows apart (0.5 not at all); `sparc` and
        `sparc_reference`, spectral arc lengths (nearer to 0 is smoother). None where nobody walks.
    """
    assert config.reference is not None
    reference = Reference(robot, config.reference, config.control_period)
    walking = walking_samples(trajectory)
    if walking.sum() < 10 * BINS or trajectory.episodes < 2:
        return dict.fromkeys(("joint_rmse_deg", "rom_ratio", "fresh_auc", *_SMOOTH))
    cycles = reference_cycles(reference, robot)
    rmse, ratio = compare_cycles(trajectory, walking, cycles)
    ours, theirs = smoothness(trajectory, walking, reference, robot)
    return {
        "joint_rmse_deg": rmse,
        "rom_ratio": ratio,
        "fresh_auc": fresh_auc(trajectory, walking, reference),
        **dict(zip(_SMOOTH, (ours, theirs), strict=True)),
    }


_SMOOTH = ("sparc", "sparc_reference")


def walking_samples(trajectory: Trajectory) -> Bools:
    """Samples of settled walking. Shape (T, N)."""
    return settled(trajectory) & (np.abs(trajectory.command).sum(axis=-1) > 0)


def reference_cycles(reference: Reference, robot: Robot) -> Cycles:
    """Mean joint angles by phase of every straight loop."""
    found = by_speed(_loops(reference))
    cycles = [[_cycle(robot, clip) for clip in clips] for clips in found.values()]
    return Cycles(np.array(list(found)), np.stack([np.mean(same, axis=0) for same in cycles]))


def _loops(reference: Reference) -> list[Clip]:
    return straight_loops(reference.library.clips)


def _cycle(robot: Robot, clip: Clip) -> Floats:
    """A clip's mean joint angles by phase. Shape (BINS, n)."""
    return by_phase(clip.phase, positions(robot, clip)[:, robot.qpos_ids])


def by_phase(phase: Floats, values: Floats) -> Floats:
    """Mean of values in each part of the cycle. Shapes (K,), (K, n) -> (BINS, n)."""
    bins = (phase % (2 * np.pi) / (2 * np.pi) * BINS).astype(int) % BINS
    count = np.bincount(bins, minlength=BINS)
    sums = np.stack([np.bincount(bins, v, minlength=BINS) for v in values.T], axis=-1)
    filled = count > 0
    mean = sums[filled] / count[filled, None]
    places = np.flatnonzero(filled)
    around = np.concatenate([places - BINS, places, places + BINS])
    columns = [np.interp(np.arange(BINS), around, np.tile(column, 3)) for column in mean.T]
    return np.stack(columns, axis=-1)


def compare_cycles(
    trajectory: Trajectory, walking: Bools, cycles: Cycles
) -> tuple[float, float] | tuple[None, None]:
    """Joint RMSE [deg] and ratio of ranges of motion of episodes' mean cycles.

    Of the episodes that walk for a whole cycle: one that falls before has no mean. One shift of
    phase, the same for all, is taken out: a clock may run ahead of the feet.
    """
    ours, theirs = [], []
    for episode in np.flatnonzero(walking.sum(axis=0) >= averaging_window(trajectory)):
        rows = walking[:, episode]
        angles = trajectory.joint_pos[rows, episode]
        ours.append(by_phase(trajectory.phase[rows, episode], angles))
        theirs.append(cycle_at(cycles, float(trajectory.command[rows, episode, 0].mean())))
    if not ours:
        return None, None
    policy, reference = np.stack(ours), np.stack(theirs)
    gap = np.roll(policy, best_shift(policy, reference), axis=1) - reference
    rmse = float(np.sqrt(np.mean(gap**2)))
    ranges = np.ptp(policy, axis=1), np.ptp(reference, axis=1)
    moved = ranges[1] > LEAST_RANGE
    return float(np.degrees(rmse)), float(np.mean(ranges[0][moved] / ranges[1][moved]))


def best_shift(policy: Floats, reference: Floats) -> int:
    """How many parts of the cycle the policy is ahead: rolled by it, it fits the reference best.

    Both of shape (E, BINS, n).
    """
    gaps = [np.mean((np.roll(policy, s, axis=1) - reference) ** 2) for s in range(BINS)]
    return int(np.argmin(gaps))


def cycle_at(cycles: Cycles, speed: float) -> Floats:
    """The cycle at a speed, between those of the nearest clips. Shape (BINS, n)."""
    place = float(np.interp(speed, cycles.speeds, np.arange(len(cycles.speeds))))
    low = min(int(place), len(cycles.speeds) - 1)
    high = min(low + 1, len(cycles.speeds) - 1)
    return cycles.angles[low] * (1 - place + low) + cycles.angles[high] * (place - low)


def fresh_auc(trajectory: Trajectory, walking: Bools, reference: Reference) -> float | None:
    """Area under the curve of a classifier that never saw the episodes that it judges.

    It learns to tell every other episode's windows from those of the straight loops, the ones held
    out of training included, and is tried on the other episodes. None where either have no window.
    """
    rng = np.random.default_rng(0)
    starts = [_starts(walking, reference.window, parity) for parity in (0, 1)]
    if not all(map(len, starts)):
        return None
    learned, tried = (_windows(trajectory, reference, rng, places) for places in starts)
    ours, others = (_reference_windows(reference, rng) for _ in range(2))
    mean, std = ours.mean(axis=0), ours.std(axis=0) + 1e-3

    def scaled(windows: np.ndarray) -> jax.Array:
        return jnp.clip(jnp.asarray((windows - mean) / std, jnp.float32), -10.0, 10.0)

    score = _classifier(scaled(ours), scaled(learned))
    return float(area_under_curve(score(scaled(others)), score(scaled(tried))))


def _reference_windows(reference: Reference, rng: np.random.Generator) -> np.ndarray:
    """Features of windows of the straight loops, all clips alike. Shape (SAMPLES, d)."""
    length, robot = reference.window, reference.style.robot
    loops = _loops(reference)
    counts = np.bincount(rng.integers(0, len(loops), SAMPLES), minlength=len(loops))
    windows = []
    for clip, count in zip(loops, counts, strict=True):
        longer = frames_at(clip, np.arange(clip.frames + length) / clip.fps)
        starts = rng.integers(0, clip.frames, count)
        windows.append(reference.style.windows(positions(robot, longer), starts, length))
    return np.concatenate(windows)


def _starts(walking: Bools, length: int, parity: int) -> np.ndarray:
    """First sample and episode of the windows of walking in every other episode. Shape (S, 2)."""
    whole = np.lib.stride_tricks.sliding_window_view(walking, length, axis=0).all(axis=-1)
    return np.argwhere(whole & (np.arange(walking.shape[1]) % 2 == parity))


def _windows(
    trajectory: Trajectory, reference: Reference, rng: np.random.Generator, starts: np.ndarray
) -> np.ndarray:
    """Features of windows that begin at samples of episodes. Shape (S, 2) -> (SAMPLES, d)."""
    length = reference.window
    starts = rng.permutation(starts)[:SAMPLES]
    starts = starts[rng.integers(0, len(starts), SAMPLES)] if len(starts) < SAMPLES else starts
    rows, episode = starts[:, :1] + np.arange(length), starts[:, 1:]
    style = reference.style
    robot = style.robot
    qpos = np.tile(robot.home_qpos, (*rows.shape, 1))
    root = (trajectory.position[rows, episode], trajectory.orientation[rows, episode])
    qpos[..., robot.root_qpos] = np.concatenate(root, axis=-1)
    qpos[..., robot.qpos_ids] = trajectory.joint_pos[rows, episode]
    frames = style.frame(qpos, np)
    if trajectory.ground is not None:
        below = jax.tree.map(lambda leaf: leaf[episode[:, 0]], trajectory.ground)
        frames = style.above(frames, lambda at: np.asarray(jax.vmap(height_at)(below, at)), np)
    return style.features(frames, np)


def _classifier(ours: jax.Array, theirs: jax.Array) -> Any:
    """Train a small network to tell two kinds of windows apart; return what it says of others."""
    network = networks.MLP(layer_sizes=(64, 32, 1), activation=jax.nn.relu)
    params = network.init(jax.random.PRNGKey(0), ours[:1])
    optimizer = optax.adam(1e-3)

    def loss(params: Any) -> jax.Array:
        told = network.apply(params, ours)[:, 0], network.apply(params, theirs)[:, 0]
        return jnp.mean(jax.nn.softplus(-told[0])) + jnp.mean(jax.nn.softplus(told[1]))

    def step(carry: Any, _: None) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    learn = jax.jit(lambda carry: jax.lax.scan(step, carry, None, length=CLASSIFIER_STEPS)[0])
    params, _ = learn((params, optimizer.init(params)))
    return lambda windows: network.apply(params, windows)[:, 0]


def smoothness(
    trajectory: Trajectory, walking: Bools, reference: Reference, robot: Robot
) -> tuple[float | None, float]:
    """Mean spectral arc length of the joints' speed, of the policy and of the reference."""
    steps = round(SPARC_SECONDS / trajectory.dt)
    ends = np.flatnonzero(walking[-steps:].all(axis=0))
    ours = [
        spectral_arc_length(
            np.linalg.norm(trajectory.joint_vel[-steps:, e], axis=-1), trajectory.dt
        )
        for e in ends
    ]
    theirs = []
    for clip in _loops(reference):
        longer = frames_at(clip, np.arange(steps) * trajectory.dt)
        speed = np.linalg.norm(longer.velocity[:, 6:], axis=-1)
        theirs.append(spectral_arc_length(speed, trajectory.dt))
    return (float(np.mean(ours)) if ours else None), float(np.mean(theirs))


def spectral_arc_length(
    speed: Floats, dt: float, cutoff: float = 10.0, threshold: float = 0.05
) -> float:
    """Minus the arc length of a speed profile's normalised spectrum (Balasubramanian et al. 2015).

    Args:
        speed: at an even pace. Shape (T,).
        dt: between two samples [s].
        cutoff: highest frequency that counts [Hz].
        threshold: the spectrum ends where it falls below this share of its peak for good.
    """
    size = 2 ** (int(np.ceil(np.log2(len(speed)))) + 4)
    frequency = np.fft.rfftfreq(size, dt)
    spectrum = np.abs(np.fft.rfft(speed, size))
    spectrum, frequency = spectrum[frequency <= cutoff], frequency[frequency <= cutoff]
    spectrum = spectrum / spectrum.max()
    last = int(np.flatnonzero(spectrum >= threshold)[-1])
    frequency, spectrum = frequency[: last + 1], spectrum[: last + 1]
    width = max(float(frequency[-1] - frequency[0]), 1e-9)
    return -float(np.sum(np.hypot(np.diff(frequency) / width, np.diff(spectrum))))
