"""AMP against PPO alone: the table and the pictures of docs/amp.md, from finished runs.

    python benchmarks/style.py --amp RUN --amp RUN --ppo RUN --ppo RUN --out docs

Every run is rolled out anew. The table goes to the terminal, in Markdown: medians over the runs of
a kind, with their range.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.commands.settings import prepare_jax

SPEED = 0.3
"""Commanded speed whose gait cycle is drawn [m/s]."""
NEAR = 0.05
"""Episodes whose command is this close to it are drawn [m/s]."""
JOINTS = ("hip_pitch", "knee_pitch", "ankle_pitch")
COLOURS = {"clips": "black", "AMP": "#0072b2", "PPO alone": "#d55e00"}
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""

Metrics = dict[str, Any]
ROWS: dict[str, Callable[[Metrics], float]] = {
    "rollouts without a fall": lambda m: m["successes"],
    "velocity error [m/s]": lambda m: m["velocity_error_mps"],
    "joint RMSE against the clips [deg]": lambda m: m["naturalness"]["joint_rmse_deg"],
    "range of motion, of the clips'": lambda m: m["naturalness"]["rom_ratio"],
    "fresh classifier's area under the curve": lambda m: m["naturalness"]["fresh_auc"],
    "cost of transport": lambda m: m["cost_of_transport"],
    "step symmetry [%]": lambda m: m["symmetry_pct"],
    "duty factor, left": lambda m: m["duty_factor"]["left"],
    "duty factor, right": lambda m: m["duty_factor"]["right"],
    "double support": lambda m: m["double_support"],
    "foot slip [m/s]": lambda m: m["foot_slip_mps"],
    "swing clearance, left [mm]": lambda m: 1000 * m["swing_clearance_m"]["left"],
    "swing clearance, right [mm]": lambda m: 1000 * m["swing_clearance_m"]["right"],
    "alternation": lambda m: m["alternation"],
    "spectral arc length": lambda m: m["naturalness"]["sparc"],
    "power [W]": lambda m: m["power_w"],
}


def table(amp: list[Metrics], ppo: list[Metrics]) -> str:
    """Figures of both kinds, a line each."""
    lines = ["| | AMP | PPO alone |", "| --- | --- | --- |"]
    for name, figure in ROWS.items():
        cells = [_cell([figure(metrics) for metrics in runs]) for runs in (amp, ppo)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    """Median, and the range."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.4g} ({low:.4g} .. {high:.4g})"


def draw_cycle(path: Path, run: Path, found: dict[str, Any]) -> None:
    """Left leg over the gait cycle at `SPEED`: the clips, and policies.

    Args:
        path: the picture.
        run: one of the runs; its robot and clips are drawn.
        found: trajectories on flat ground, by the kind of policy.
    """
    from matplotlib.figure import Figure

    from wildrobot_cli.env.imitation import training_env
    from wildrobot_cli.evaluation.naturalness import by_phase, reference_cycles
    from wildrobot_cli.training.run_folder import open_run

    env: Any = training_env(open_run(run).config.env)
    cycles = reference_cycles(env.reference, env.robot)
    nearest = int(np.argmin(np.abs(cycles.speeds - SPEED)))
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    percent = np.arange(len(cycles.angles[nearest])) * 100 / len(cycles.angles[nearest])
    for kind, trajectory in found.items():
        late = np.arange(trajectory.steps) * trajectory.dt > 2.0
        close = np.abs(trajectory.command[0, :, 0] - SPEED) < NEAR
        rows = trajectory.alive & late[:, None] & close
        phase = trajectory.phase[rows]
        angles = np.degrees(by_phase(phase, trajectory.joint_pos[rows]))
        heights = 1000 * by_phase(phase, trajectory.foot_position[..., 2][rows])
        for axis, joint in zip(axes, JOINTS, strict=False):
            column = env.robot.joint_names.index(f"left_{joint}")
            axis.plot(percent, angles[:, column], color=COLOURS[kind], label=kind)
        axes[3].plot(percent, heights[:, 0], color=COLOURS[kind], label=kind)
    for axis, joint in zip(axes, JOINTS, strict=False):
        column = env.robot.joint_names.index(f"left_{joint}")
        axis.plot(
            percent,
            np.degrees(cycles.angles[nearest][:, column]),
            color=COLOURS["clips"],
            linestyle="--",
            label=f"clips at {cycles.speeds[nearest]:.2f} m/s",
        )
        axis.set_ylabel(f"left {joint.replace('_', ' ')} [deg]")
    axes[3].set_ylabel("left sole above the floor [mm]")
    for axis in axes:
        axis.set_xlabel("gait cycle [%]")
        axis.grid(alpha=0.3)
    axes[1].legend(frameon=False)
    figure.savefig(path, dpi=100)


def draw_discriminator(path: Path, run: Path) -> None:
    """What the discriminator says of each kind of window, over a training."""
    from matplotlib.figure import Figure

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = np.array([line["env_steps"] for line in lines]) / 1e6
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    looks = {
        "reference": ("black", "-"),
        "held_out": ("#009e73", "--"),
        "fresh": ("#d55e00", "-"),
        "replayed": ("#cc79a7", ":"),
    }
    for kind, (colour, style) in looks.items():
        logit = [line[f"amp/logit_{kind}"] for line in lines]
        left.plot(steps, logit, style, color=colour, label=kind.replace("_", " "))
    left.set_ylabel("mean logit")
    left.legend(frameon=False, ncols=2)
    for name, colour in (("style", "#0072b2"), ("task", "#e69f00")):
        reward = [line[f"amp/{name}_reward"] for line in lines]
        right.plot(steps, reward, color=colour, label=name)
    right.set_ylabel("mean reward of a control step")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.set_xlabel("control steps [millions]")
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Evaluate all runs; print the table, draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--amp", type=Path, action="append", required=True)
    parser.add_argument("--ppo", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, help="folder for the pictures")
    options = parser.parse_args()
    prepare_jax()
    from wildrobot_cli import evaluate

    found = {run: evaluate(run) for run in (*options.amp, *options.ppo)}
    amp, ppo = (
        [found[run].scenarios["flat"] for run in runs] for runs in (options.amp, options.ppo)
    )
    print(table(amp, ppo))
    if options.out:
        firsts = {"AMP": options.amp[0], "PPO alone": options.ppo[0]}
        walks = {kind: found[run].trajectories["flat"] for kind, run in firsts.items()}
        draw_cycle(options.out / "amp_cycle.png", options.amp[0], walks)
        draw_discriminator(options.out / "amp_discriminator.png", options.amp[0])


if __name__ == "__main__":
    main()
