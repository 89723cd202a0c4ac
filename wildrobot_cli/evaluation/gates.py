"""Limits on a scenario's figures, and which of them held."""

from collections.abc import Mapping
from typing import Any

from wildrobot_cli.config.scenario import GateConfig, Scenario
from wildrobot_cli.errors import ConfigError, suggest

SUCCESS = "success_rate"

FIGURES = (
    *("episodes", "successes", SUCCESS, "falls", "distance_m", "velocity_error_mps"),
    *("yaw_rate_error_rps", "heading_drift_deg", "lateral_drift_m"),
    *("torque_rms_nm.mean", "torque_rms_nm.worst", "torque_peak_nm", "torque_saturation"),
    "motor_saturation",
    *("overspeed", "overtorque", "joint_speed_p99_rps", "power_w", "cost_of_transport"),
    *("duty_factor.left", "duty_factor.right", "double_support", "flight"),
    *("swing_clearance_m.left", "swing_clearance_m.right", "foot_slip_mps"),
    *("symmetry_pct", "alternation"),
)
"""Figures of every scenario that are one number, parts after a dot."""

NATURAL = tuple(
    f"naturalness.{name}"
    for name in ("joint_rmse_deg", "rom_ratio", "fresh_auc", "sparc", "sparc_reference")
)
"""Those of runs with a reference; they are of all episodes together, no episode has its own."""


def figure(metrics: Mapping[str, Any], name: str) -> float | None:
    """Return one of `FIGURES` or `NATURAL`, None where it is undefined."""
    key, _, part = name.partition(".")
    return metrics[key][part] if part else metrics[key]


def check_figures(scenario: Scenario, has_reference: bool) -> None:
    """Raise `ConfigError` when a scenario names a figure that there is not.

    Args:
        scenario: whose gates and margins are checked.
        has_reference: whether the run that it is for has a reference motion.
    """
    for section, known in (("gates", (*FIGURES, *NATURAL)), ("margins", FIGURES)):
        for name in getattr(scenario.settings, section):
            place = scenario.document.locate((section, name))
            if name not in known:
                raise ConfigError(
                    f"{place}: {section}.{name}: no such figure{suggest(name, known)}"
                )
            if name in NATURAL and not has_reference:
                raise ConfigError(
                    f"{place}: {section}.{name}: expected a run with a reference motion, "
                    "this one has none"
                )


def judge(metrics: Mapping[str, Any], gates: Mapping[str, GateConfig]) -> dict[str, Any]:
    """Hold figures against their limits: `measured`, `min` or `max`, and `passed`, by name.

    A figure that is undefined does not pass.
    """
    return {name: _judge_one(figure(metrics, name), gate) for name, gate in gates.items()}


def _judge_one(measured: float | None, gate: GateConfig) -> dict[str, Any]:
    limit = {"min": gate.min} if gate.min is not None else {"max": gate.max}
    low = -float("inf") if gate.min is None else gate.min
    high = float("inf") if gate.max is None else gate.max
    passed = measured is not None and low <= measured <= high
    return {"measured": measured, **limit, "passed": passed}
