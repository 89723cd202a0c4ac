"""Pictures of a training, from its metrics.jsonl."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.trajectory import Floats
from wildrobot_cli.report.drawing import (
    ALERT,
    FAINT,
    INK,
    LEFT,
    OTHER,
    RIGHT,
    Picture,
    nothing,
    picture,
    sheet,
)

MILLION = 1e6
SMOOTH = 40
"""A curve is averaged over this part of its training."""
LAST = 10
"""The end of a training is this part of it."""
AMP = "amp/accuracy_"
"""Metrics that only a training with a reference has."""

SHARE = "curriculum/share"
"""Metric that only a training with a curriculum has."""

Lines = Sequence[dict[str, Any]]


def learning_pictures(lines: Lines, config: Config) -> list[Picture]:
    """Draw a training's curves; nothing of one that logged nothing."""
    if not lines:
        return []
    pictures = [_curves(lines, config.env.control_period), _terms(lines, config)]
    if any(key.startswith(AMP) for key in lines[-1]):
        pictures += [_discriminator(lines), _leaks(lines)]
    return pictures


def column(lines: Lines, key: str) -> Floats:
    """A metric over the training, NaN where it is not known. Shape (K,)."""
    return np.array([np.nan if (v := line.get(key)) is None else v for line in lines], float)


def smoothed(values: Floats) -> Floats:
    """Mean of what is known within a `SMOOTH`-th of the curve around each place. Shape (K,)."""
    kernel = np.ones(2 * (len(values) // (2 * SMOOTH)) + 1)
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0.0), kernel, mode="same")
    count = np.convolve(known, kernel, mode="same")
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def at_end(lines: Lines, prefix: str) -> list[tuple[str, float]]:
    """Means of the metrics under a prefix over the last part of a training, growing."""
    last = lines[-max(1, len(lines) // LAST) :]
    keys = [key for key in last[-1] if key.startswith(prefix)]
    means = [(key.removeprefix(prefix), column(last, key)) for key in keys]
    known = [(name, float(np.nanmean(v))) for name, v in means if np.isfinite(v).any()]
    return sorted(known, key=lambda item: item[1])


def _curve(axis: Any, lines: Lines, values: Floats, color: str, **line: Any) -> None:
    steps = column(lines, "env_steps") / MILLION
    axis.plot(steps, values, color=color, alpha=0.3, linewidth=0.6)
    axis.plot(steps, smoothed(values), color=color, **line)


def _curves(lines: Lines, period: float) -> Picture:
    falls = column(lines, "episode/falls_per_step") / period * 60
    curves = [
        ("reward [1/s]", column(lines, "episode/reward") / period, LEFT),
        ("velocity error [m/s]", column(lines, "velocity_error"), OTHER),
        ("falls in a minute", falls, ALERT),
    ]
    if SHARE in lines[-1]:
        curves.append(("curriculum: share of everything", column(lines, SHARE), RIGHT))
    figure, axes = sheet(4.4, len(curves), sharex=True)
    for axis, (label, values, color) in zip(axes[:, 0], curves, strict=True):
        _curve(axis, lines, values, color)
        axis.set_title(label, loc="left")
        if label != "reward [1/s]":
            axis.set_ylim(bottom=0)
    axes[-1, 0].set_xlabel("control steps [millions]")
    return picture(
        figure,
        "Learning curves",
        "Reward should rise and level off, velocity error and falls should end near zero. A curve "
        "that still climbs at the end asks for more steps; one that drops late, for a smaller "
        "step size. Training is randomized: the evaluation above is what counts. Where there is "
        "a curriculum, the task grows harder with its share: a flat curve is progress then.",
    )


def _terms(lines: Lines, config: Config) -> Picture:
    figure, axes = sheet(4.4)
    axis = axes[0, 0]
    terms = at_end(lines, "reward/")
    values = np.array([value for _, value in terms]) / config.env.control_period
    axis.barh(range(len(terms)), values, color=[LEFT if v >= 0 else RIGHT for v in values])
    axis.axvline(0.0, color=FAINT, linewidth=0.8)
    axis.set_yticks(range(len(terms)), [name.replace("_", " ") for name, _ in terms])
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.set(xlabel="reward [1/s]")
    axis.grid(False, axis="y")
    axis.margins(x=0.15)
    for place, value in enumerate(values):
        ahead = value >= 0
        axis.annotate(
            f"{value:.2g}",
            (value, place),
            xytext=(3 if ahead else -3, 0),
            textcoords="offset points",
            va="center",
            ha="left" if ahead else "right",
            fontsize=7.5,
        )
    return picture(
        figure,
        "Reward by term, end of training",
        "What the policy is paid for. A penalty as long as a tracking term is one that it lives "
        "with rather than obeys.",
    )


def _discriminator(lines: Lines) -> Picture:
    figure, axes = sheet(4.0, 2, sharex=True)
    kinds = (
        ("reference", "reference", LEFT, "-"),
        ("held_out", "held-out clips", OTHER, "-."),
        ("fresh", "policy now", RIGHT, "--"),
        ("replayed", "policy before", FAINT, ":"),
    )
    for key, label, color, stroke in kinds:
        values = column(lines, f"{AMP}{key}")
        _curve(axes[0, 0], lines, values, color, label=label, linestyle=stroke)
    axes[0, 0].set_ylim(min(0.4, axes[0, 0].get_ylim()[0]), 1.02)
    axes[0, 0].set_title("share judged rightly", loc="left")
    axes[0, 0].legend(ncols=2, loc="lower right")
    for key, color, stroke in (("style", LEFT, "-"), ("task", RIGHT, "--")):
        values = column(lines, f"amp/{key}_reward")
        _curve(axes[1, 0], lines, values, color, label=key, linestyle=stroke)
    axes[1, 0].set_title("reward in a control step", loc="left")
    axes[1, 0].set(xlabel="control steps [millions]", ylim=(0, None))
    axes[1, 0].legend(ncols=2, loc="lower right")
    return picture(
        figure,
        "Discriminator",
        "Between 0.5 and 0.9 it teaches; at 1.0 it has won and its reward says nothing. Held-out "
        "clips far below the reference mean that it learnt its clips by heart.",
    )


def _leaks(lines: Lines) -> Picture:
    figure, axes = sheet(4.6)
    axis = axes[0, 0]
    features = at_end(lines, "amp/auc_")
    if not features:
        nothing(axis, "not logged")
    places = range(len(features))
    axis.hlines(places, 0.5, [value for _, value in features], color=LEFT, linewidth=3)
    axis.set_yticks(places, [name.replace("_", " ") for name, _ in features], fontsize=8)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.set(xlim=(0.5, 1.0), xlabel="area under the curve of one feature alone")
    axis.grid(False, axis="y")
    return picture(
        figure,
        "What gives the policy away, end of training",
        "0.5: this feature alone cannot tell policy from reference; 1.0: it always can. The "
        "longest bar is what to look at first.",
    )
