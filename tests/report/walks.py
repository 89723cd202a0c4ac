"""A robot that walks by formula, as an evaluation of it would look."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from wildrobot_cli.config.scenario import GateConfig
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.evaluation.gates import SUCCESS, judge
from wildrobot_cli.evaluation.measuring import servo_limits
from wildrobot_cli.evaluation.metrics import scenario_metrics
from wildrobot_cli.evaluation.trajectory import Trajectory

DT, PERIOD, WEIGHT = 0.02, 0.64, 35.0


@dataclass
class Walk:
    """N episodes of T steps at commanded speeds, feet in turn, joints on sines."""

    steps: int = 300
    episodes: int = 3
    last: int | None = None  # the first episode falls after this step

    def trajectory(self) -> Trajectory:
        shape = (self.steps, self.episodes)
        time = (np.arange(self.steps) + 1)[:, None] * DT
        phase = np.broadcast_to(2 * np.pi * time / PERIOD, shape)
        speed = np.broadcast_to(np.linspace(0.1, 0.4, self.episodes), shape)
        feet = np.stack([phase, phase - np.pi], axis=-1) % (2 * np.pi)
        swings = feet < 0.8 * np.pi
        lift = np.where(swings, np.sin(feet / 0.8), 0.0) * 0.05
        position = np.zeros((*shape, 3))
        position[..., 0], position[..., 2] = speed * time, 0.45
        soles = np.zeros((*shape, 2, 3))
        soles[..., 0] = position[..., :1] + 0.05 * np.cos(feet)
        soles[..., 1] = [0.054, -0.054]
        soles[..., 2] = lift
        joints = 0.3 * np.sin(phase[..., None] + np.arange(11))
        speeds = 0.3 * 2 * np.pi / PERIOD * np.cos(phase[..., None] + np.arange(11))
        alive = np.ones(shape, bool)
        if self.last is not None:
            alive[self.last + 1 :, 0] = False
        zero = np.zeros(shape)
        return Trajectory(
            dt=DT,
            weight=WEIGHT,
            gait_period=PERIOD,
            position=position,
            orientation=np.tile([1.0, 0.0, 0.0, 0.0], (*shape, 1)),
            heading=zero,
            velocity=np.stack([speed, zero], axis=-1),
            yaw_rate=zero,
            command=np.stack([speed, zero, zero], axis=-1),
            phase=phase,
            joint_pos=joints,
            joint_vel=speeds,
            torque=2.0 * joints,
            motor_torque=2.0 * joints,
            foot_force=np.where(swings, 0.0, WEIGHT / 2),
            foot_position=soles,
            foot_velocity=np.zeros((*shape, 2, 3)),
            alive=alive,
            fell=~alive[-1],
        )


def evaluated(robot, name="walker", **trajectories) -> Evaluation:
    """The evaluation of trajectories by scenario."""
    limits = servo_limits(robot)
    figures = {key: scenario_metrics(t, limits) for key, t in trajectories.items()}
    for scenario in figures.values():
        gates = judge(scenario, {SUCCESS: GateConfig(min=0.95)})
        passed = all(gate["passed"] for gate in gates.values())
        scenario |= {"gates": gates, "passed": passed, "untrained": []}
    return Evaluation(name, 2_007_040, figures, trajectories)


KINDS = ("reference", "held_out", "fresh", "replayed")
EVIL = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
"""A name that wants to run."""


def metrics_lines(count: int = 60) -> str:
    """A metrics.jsonl of a training with a reference, its first lines not all known."""
    lines = []
    for k in range(count):
        share = k / count
        lines.append(
            {
                "env_steps": 10_240 * (k + 1),
                "time": float(k),
                "episode/reward": 0.1 * share if k > 2 else None,
                "episode/falls_per_step": 0.01 * (1 - share),
                "velocity_error": 0.3 - 0.25 * share,
                "reward/track_velocity": 0.04,
                "reward/--><script>": -0.01,
                **{f"amp/accuracy_{key}": 0.8 for key in KINDS},
                "amp/style_reward": 0.02,
                "amp/task_reward": 0.03,
                "amp/auc_height": 0.7,
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


def make_run(folder: Path, config) -> SimpleNamespace:
    """What a report reads of a run: configuration, metrics, provenance."""
    metrics, provenance = folder / "metrics.jsonl", folder / "provenance.json"
    metrics.write_text(metrics_lines())
    provenance.write_text(json.dumps({"seed": 3, "versions": {"mujoco": "3.17.0"}}))
    return SimpleNamespace(config=config, metrics_file=metrics, provenance_file=provenance)
