"""An evaluation's figures in words: the rows of a table with a column for each scenario."""

from collections.abc import Mapping
from typing import Any

Metrics = Mapping[str, Any]

_ROWS: tuple[tuple[str, ...], ...] = (
    ("episodes without a fall", "{} of {}", "successes", "episodes"),
    ("95 % interval", "{0[0]:.1%} .. {0[1]:.1%}", "success_ci95"),
    ("distance [m]", "{:.2f}", "distance_m"),
    ("velocity error [m/s]", "{:.3f}", "velocity_error_mps"),
    ("yaw rate error [rad/s]", "{:.3f}", "yaw_rate_error_rps"),
    ("heading drift [deg]", "{:.1f}", "heading_drift_deg"),
    ("lateral drift [m]", "{:.2f}", "lateral_drift_m"),
    ("duty factor, left and right", "{0[left]:.2f}  {0[right]:.2f}", "duty_factor"),
    ("double support, flight", "{:.2f}  {:.3f}", "double_support", "flight"),
    ("swing clearance [mm]", "{0[left]:.1f}  {0[right]:.1f}", "swing_clearance_m"),
    ("foot slip [m/s]", "{:.3f}", "foot_slip_mps"),
    ("step symmetry [%], alternation", "{:.1f}  {:.2f}", "symmetry_pct", "alternation"),
    ("torque RMS, mean and worst [Nm]", "{0[mean]:.2f}  {0[worst]:.2f}", "torque_rms_nm"),
    ("torque peak [Nm], saturated", "{:.2f}  {:.2%}", "torque_peak_nm", "torque_saturation"),
    ("joints beyond no-load speed", "{:.2%}", "overspeed"),
    ("power [W]", "{:.1f}", "power_w"),
    ("cost of transport", "{:.2f}", "cost_of_transport"),
)
"""Label, format, and the metrics that fill it."""
_NATURAL: tuple[tuple[str, ...], ...] = (
    ("joint RMSE to the reference [deg]", "{:.1f}", "joint_rmse_deg"),
    ("range of motion, of the reference's", "{:.2f}", "rom_ratio"),
    ("told from it by a fresh classifier [AUC]", "{:.2f}", "fresh_auc"),
    ("smoothness, and the reference's [SPARC]", "{:.2f}  {:.2f}", "sparc", "sparc_reference"),
)
"""The same of `naturalness`."""
_MILLI = "swing_clearance_m"


def table_rows(scenarios: Mapping[str, Metrics]) -> list[tuple[str, ...]]:
    """Return the rows: a label, then each scenario's figure; a dash for what is undefined."""
    rows = [_row(row, scenarios.values()) for row in _ROWS]
    natural = [metrics.get("naturalness", {}) for metrics in scenarios.values()]
    return rows + [_row(row, natural) for row in _NATURAL if any(natural)]


def _row(row: tuple[str, ...], columns: Any) -> tuple[str, ...]:
    label, pattern, *keys = row
    return label, *(_format(metrics, pattern, keys) for metrics in columns)


def _format(metrics: Metrics, pattern: str, keys: list[str]) -> str:
    """Fill a row's pattern."""
    values = [_in_milli(metrics[k]) if k == _MILLI else metrics.get(k) for k in keys]
    flat = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    return "-" if any(v is None for v in flat) else pattern.format(*values)


def _in_milli(sides: Mapping[str, float | None]) -> dict[str, float | None]:
    return {side: None if value is None else 1000 * value for side, value in sides.items()}
