"""How a quantity is spread, among the metrics of an iteration: shares in equal bins."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np


class Bins(NamedTuple):
    """Equal bins; what lies outside is counted in the first or the last."""

    low: float
    """Lower edge of the first bin."""
    high: float
    """Upper edge of the last bin."""
    number: int
    """How many."""


class Histogram(TypedDict):
    """A histogram as it stands in metrics.jsonl."""

    low: float
    """Lower edge of the first bin."""
    high: float
    """Upper edge of the last bin."""
    shares: list[float]
    """Share of the samples in each bin."""


def shares(values: jax.Array, bins: Bins, weights: jax.Array | None = None) -> jax.Array:
    """Share of the values, or of their weights, in each bin. Shape (...,) -> (number,)."""
    place = (values.ravel() - bins.low) / (bins.high - bins.low) * bins.number
    place = jnp.clip(place, 0, bins.number - 1).astype(int)
    total = jnp.zeros(bins.number).at[place].add(1.0 if weights is None else weights)
    return total / jnp.sum(total)


def on_host(
    metrics: Mapping[str, jax.Array], bins: Mapping[str, Bins]
) -> tuple[dict[str, float], dict[str, Histogram]]:
    """Return an iteration's figures, and apart from them its histograms: those named in `bins`."""
    found = jax.device_get(metrics)
    figures = {name: float(value) for name, value in found.items() if name not in bins}
    spreads = {name: histogram(bins[name], found[name]) for name in found if name in bins}
    return figures, spreads


def histogram(bins: Bins, counted: np.ndarray) -> Histogram:
    """Return shares as they are logged. Shape (number,)."""
    return {"low": bins.low, "high": bins.high, "shares": [round(float(s), 4) for s in counted]}
