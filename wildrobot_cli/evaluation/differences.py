"""How two measurements of one scenario differ, with 95 % intervals."""

from math import sqrt
from typing import Any

import numpy as np
from scipy.special import stdtrit

from wildrobot_cli.evaluation.gates import FIGURES, SUCCESS, figure
from wildrobot_cli.evaluation.measuring import Measured
from wildrobot_cli.evaluation.metrics import scenario_metrics, wilson_interval
from wildrobot_cli.evaluation.trajectory import Floats

COUNTS = ("episodes", "successes", "falls")
COMPARED = tuple(name for name in FIGURES if name not in (*COUNTS, SUCCESS))
"""Figures that each pair of episodes is compared by."""

Difference = dict[str, Any]
"""`first`, `second`, `difference` (second less first) and its `ci95`, None where it is unknown."""


def newcombe_interval(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """95 % interval of a difference of success rates, second less first.

    Newcombe 1998, method 10: from the Wilson intervals of both. It takes no account of pairs,
    which makes it the wider.

    Args:
        first: successes and episodes.
        second: the same.
    """
    (low1, high1), (low2, high2) = wilson_interval(*first), wilson_interval(*second)
    rate1, rate2 = (n / max(of, 1) for n, of in (first, second))
    below = sqrt((rate2 - low2) ** 2 + (high1 - rate1) ** 2)
    above = sqrt((high2 - rate2) ** 2 + (rate1 - low1) ** 2)
    return rate2 - rate1 - below, rate2 - rate1 + above


def paired_interval(differences: Floats) -> tuple[float, float] | None:
    """95 % interval of the mean of differences (Student 1908); None of fewer than two. Shape (E,).

    Few pairs are the usual case, and there it holds what it says: a bootstrap of 3 covers the mean
    three times in four.
    """
    count = differences.size
    if count < 2:
        return None
    mean, spread = differences.mean(), differences.std(ddof=1)
    half = stdtrit(count - 1, 0.975) * spread / sqrt(count)
    return float(mean - half), float(mean + half)


def differences(first: Measured, second: Measured) -> dict[str, Difference]:
    """Compare figure by figure; those that no pair of episodes defines are left out.

    Episodes of one number have the same start and commands: figures are taken of each episode,
    and the means are over the pairs in which both are defined.
    """
    found = {SUCCESS: _of_success(first.figures, second.figures)}
    ours, theirs = by_episode(first), by_episode(second)
    for name in COMPARED:
        both = np.isfinite(ours[name]) & np.isfinite(theirs[name])
        if both.any():
            found[name] = _of_pairs(ours[name][both], theirs[name][both])
    return found


def by_episode(measured: Measured) -> dict[str, Floats]:
    """Figures of each episode on its own, NaN where undefined. Shapes (N,)."""
    each = [
        scenario_metrics(measured.trajectory.only(slice(e, e + 1)), measured.limits)
        for e in range(measured.trajectory.episodes)
    ]
    return {
        name: np.array([figure(metrics, name) for metrics in each], dtype=np.float64)
        for name in COMPARED
    }


def beyond(difference: Difference, margin: float) -> bool:
    """Whether the whole interval lies beyond a margin on either side of no difference."""
    if difference["ci95"] is None:
        return False
    low, high = difference["ci95"]
    return bool(low > margin or high < -margin)


def _of_success(first: dict[str, Any], second: dict[str, Any]) -> Difference:
    counts = [(figures["successes"], figures["episodes"]) for figures in (first, second)]
    return {
        "first": first[SUCCESS],
        "second": second[SUCCESS],
        "difference": second[SUCCESS] - first[SUCCESS],
        "ci95": list(newcombe_interval(*counts)),
    }


def _of_pairs(first: Floats, second: Floats) -> Difference:
    interval = paired_interval(second - first)
    return {
        "first": float(first.mean()),
        "second": float(second.mean()),
        "difference": float((second - first).mean()),
        "ci95": None if interval is None else list(interval),
    }
