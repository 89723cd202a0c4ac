"""Between which bounds each number of `policy.json` must lie.

They say what a small robot can be at all: wide enough for every one of them, narrow enough that a
number beyond is a mistake or a forgery, and would make a watchdog blind or a servo wild.
"""

from math import pi

TURN = 2 * pi

BOUNDS: dict[str, tuple[float, float]] = {
    "schema_version": (0, 1_000_000),
    "control_period": (1e-3, 0.1),
    "action_scale": (1e-3, pi),
    "encoder_resolution": (0, 0.1),
    "no_load_speed": (0.1, 100),
    "joints.home_position": (-TURN, TURN),
    "joints.home_target": (-TURN, TURN),
    "joints.lower": (-TURN, TURN),
    "joints.upper": (-TURN, TURN),
    "joints.kp": (0.01, 10_000),
    "joints.torque_limit": (0.01, 1000),
    "joints.damping": (0, 100),
    "observation.scale": (-1000, 1000),
    "observation.history": (0, 50),
    "clock.speeds": (0, 20),
    "clock.frequencies": (0.05, 20),
    "commands.lowest": (-10, 10),
    "commands.highest": (-10, 10),
    "commands.ramp": (1e-3, 100),
    "safety.tilt_limit": (0.05, pi / 2),
    "safety.gyro_limit": (1, 100),
    "safety.joint_speed": (1, 20),
    "safety.angle_margin": (0, 0.5),
    "safety.target_rate": (0.1, 200),
    "safety.torque_reach": (0.05, 20),
    "safety.torque_share": (0.05, 1),
    "safety.torque_time": (0.02, 10),
    "safety.missed_readings": (1, 10),
    "safety.stale_joint": (1, 20),
    "safety.frozen_imu": (1, 50),
    "safety.missed_deadline": (1e-3, 0.5),
    "safety.startup_time": (0.2, 60),
    "safety.soft_stop_time": (0.05, 10),
    "safety.soft_stop_damping": (1e-3, 100),
    "model.opset": (1, 1000),
    "quantized.opset": (1, 1000),
    "training.env_steps": (0, 1e15),
}
"""Lowest and highest value by key; units are those of `runtime.bundles.description`."""
