"""An evaluation's figures in words, for a terminal and for a page."""

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]
Row = tuple[str, ...]


def figure_rows(figures: Figures) -> list[Row]:
    """Return every figure of one scenario: label and value."""
    rows: list[Row] = [
        (label, fill(figures, pattern, keys)) for label, pattern, *keys in _ALL_FIGURES
    ]
    natural = figures.get("naturalness", {})
    return rows + [(label, fill(natural, p, keys)) for label, p, *keys in _NATURAL if natural]


def scenario_rows(scenarios: Mapping[str, Figures]) -> tuple[Row, list[Row]]:
    """Return a header, and a row for each of many scenarios; the last cell is a verdict."""
    header = ("", *(label for label, *_ in _COLUMNS), "gates")
    return header, [(name, *_cells(figures)) for name, figures in scenarios.items()]


def describe_gate(name: str, verdict: Mapping[str, Any]) -> str:
    """Say what a gate measured and what it wanted."""
    word, limit = ("at least", "min") if "min" in verdict else ("at most", "max")
    measured = verdict["measured"]
    found = "undefined" if measured is None else f"{measured:.4g}"
    return f"{name} {found}, expected {word} {verdict[limit]:g}"


def beyond_training(scenarios: Mapping[str, Figures]) -> list[str]:
    """Say which scenarios ask for commands that the training did not have."""
    return [
        f"{name}: {'' if figures['gates'] else 'not held to its gates, '}"
        f"asks more than the training ({', '.join(figures['untrained'])})"
        for name, figures in scenarios.items()
        if figures["untrained"]
    ]


def unmeasured(missing: Mapping[str, str]) -> list[str]:
    """Say which scenarios have no figures, and why."""
    return [f"{name}: {why}" for name, why in missing.items()]


def describe_falls(causes: Mapping[str, list[float]]) -> str:
    """Say what most falls were, and when half of them had happened: `7 tilted 4.1 s`."""
    if not causes:
        return "-"
    cause, times = next(iter(causes.items()))
    rest = "+" if len(causes) > 1 else ""
    return f"{len(times)}{rest} {cause} {times[(len(times) - 1) // 2]:.1f} s"


def fill(figures: Mapping[str, Any], pattern: str, keys: list[str]) -> str:
    """Fill a pattern with figures; a dash stands for what is undefined."""
    if keys == ["fall_causes"]:
        return describe_falls(figures["fall_causes"])
    values = [_in_milli(figures[key]) if key == _MILLI else figures[key] for key in keys]
    flat = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    return "-" if any(v is None for v in flat) else pattern.format(*values)


_ALL_FIGURES: tuple[tuple[str, ...], ...] = (
    ("successes", "{} of {}", "successes", "episodes"),
    ("95 % interval", "{0[0]:.1%} .. {0[1]:.1%}", "success_ci95"),
    ("falls", "{}", "falls"),
    ("falls: most common, half by", "", "fall_causes"),
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
    ("motors at their limit", "{:.1%}", "motor_saturation"),
    ("joints beyond no-load speed", "{:.2%}", "overspeed"),
    ("joint speed, 99th percentile [rad/s]", "{:.2f}", "joint_speed_p99_rps"),
    ("joints beyond speed-torque line", "{:.2%}", "overtorque"),
    ("power [W]", "{:.1f}", "power_w"),
    ("cost of transport", "{:.2f}", "cost_of_transport"),
)
"""Label, format, and the figures that fill it."""

_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("successes", "{}/{}", "successes", "episodes"),
    ("95 %\ninterval", "{0[0]:.2f} {0[1]:.2f}", "success_ci95"),
    ("falls: most,\nhalf by", "", "fall_causes"),
    ("error\nm/s", "{:.3f}", "velocity_error_mps"),
    ("RMS\nNm", "{0[mean]:.2f}", "torque_rms_nm"),
    ("satur-\nated", "{:.1%}", "torque_saturation"),
    ("power\nW", "{:.1f}", "power_w"),
)
"""The same, where a scenario has one row."""

_NATURAL: tuple[tuple[str, ...], ...] = (
    ("joint RMSE to the reference [deg]", "{:.1f}", "joint_rmse_deg"),
    ("range of motion, of the reference's", "{:.2f}", "rom_ratio"),
    ("told from it by a fresh classifier [AUC]", "{:.2f}", "fresh_auc"),
    ("smoothness, and the reference's [SPARC]", "{:.2f}  {:.2f}", "sparc", "sparc_reference"),
)
"""The same of `naturalness`."""
_MILLI = "swing_clearance_m"


def _cells(figures: Mapping[str, Any]) -> list[str]:
    verdict = "ok" if figures["passed"] else "FAIL"
    values = [fill(figures, pattern, keys) for _, pattern, *keys in _COLUMNS]
    return [*values, verdict if figures["gates"] else "-"]


def _in_milli(sides: Mapping[str, float | None]) -> dict[str, float | None]:
    return {side: None if value is None else 1000 * value for side, value in sides.items()}
