"""The content of `policy.json`, from a run's configuration, robot, provenance and results."""

import hashlib
import json
from typing import Any

import numpy as np

from wildrobot_cli.config.deploy import DeployConfig
from wildrobot_cli.config.loader import dump
from wildrobot_cli.config.schema import Config
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.bundles.description import SCHEMA_VERSION
from wildrobot_cli.runtime.bundles.policy import ACTION, INPUT, TARGETS
from wildrobot_cli.runtime.observing.clock import Clock
from wildrobot_cli.runtime.observing.observations import MEANINGS, term_sizes
from wildrobot_cli.training.records import read_record
from wildrobot_cli.training.run_folder import RunFolder

MODEL, QUANTIZED = "policy.onnx", "policy_int8.onnx"


def describe(
    run: RunFolder,
    config: Config,
    robot: Robot,
    clock: Clock,
    deploy: DeployConfig,
    env_steps: int,
    opset: int,
    quantized: bool,
) -> dict[str, Any]:
    """Return everything that a robot, and its owner, must know about a policy."""
    model = {"opset": opset, "input": INPUT, "outputs": [TARGETS, ACTION]}
    return {
        "schema_version": SCHEMA_VERSION,
        "name": run.path.resolve().name,
        "robot": {"name": robot.name, "fingerprint": robot.fingerprint},
        "control_period": config.env.control_period,
        "clock": {"speeds": list(clock.speeds), "frequencies": list(clock.frequencies)},
        "action_scale": config.env.action_scale,
        "encoder_resolution": robot.servo.encoder_resolution,
        "no_load_speed": robot.servo.no_load_speed,
        "heading_joint": _heading_joint(robot),
        "joints": _joints(robot),
        "observation": _observation(config, len(robot.joint_names)),
        "commands": _commands(config, deploy),
        "safety": deploy.safety.model_dump(mode="json"),
        "model": {"file": MODEL, **model},
        "quantized": {"file": QUANTIZED, **model, "weights": "int8"} if quantized else None,
        "training": _training(run, config, env_steps),
    }


def as_metadata(document: dict[str, Any]) -> dict[str, str]:
    """The same as texts, for the metadata fields of an ONNX file."""
    return {key: json.dumps(value) for key, value in document.items()}


def _heading_joint(robot: Robot) -> str | None:
    return None if robot.heading_joint is None else robot.joint_names[robot.heading_joint]


def _joints(robot: Robot) -> dict[str, Any]:
    """Arrays in the joints' order; Python prints a float64 so that it reads back the same."""
    numbers: dict[str, np.ndarray] = {
        "home_position": robot.home_qpos[robot.qpos_ids],
        "home_target": robot.home_ctrl,
        "lower": robot.lower,
        "upper": robot.upper,
        "kp": robot.kp,
        "torque_limit": robot.torque_limit,
        "damping": robot.damping,
    }
    return {"names": list(robot.joint_names)} | {k: v.tolist() for k, v in numbers.items()}


def _observation(config: Config, joints: int) -> list[dict[str, Any]]:
    terms, place = [], 0
    for name, size in term_sizes(config.env.observations, joints).items():
        term, stop = config.env.observations[name], place
        stop += size * (1 + term.history)
        says = {"name": name, "slice": [place, stop], "scale": term.scale, "history": term.history}
        terms.append(says | MEANINGS[name]._asdict())
        place = stop
    return terms


def _commands(config: Config, deploy: DeployConfig) -> dict[str, list[float]]:
    """Ranges; 0 is in them where the policy was trained to stand."""
    ranges = [
        config.env.commands.forward,
        config.env.commands.lateral,
        config.env.commands.yaw_rate,
    ]
    stands = config.env.commands.zero_probability > 0
    return {
        "lowest": [min(low, 0.0) if stands else low for low, _ in ranges],
        "highest": [max(high, 0.0) if stands else high for _, high in ranges],
        "ramp": list(deploy.command_ramp),
    }


def _training(run: RunFolder, config: Config, env_steps: int) -> dict[str, Any]:
    """Where the policy comes from, and how it did; what a run does not have is null."""
    provenance, summary = read_record(run.provenance_file), read_record(run.summary_file)
    return {
        "env_steps": env_steps,
        "engine": provenance.get("engine"),
        "versions": provenance.get("versions"),
        "git_commit": provenance.get("git_commit"),
        "config_sha256": hashlib.sha256(dump(config).encode()).hexdigest(),
        "evaluation": summary.get("eval"),
    }
