"""The model that an engine simulates. Needs no JAX."""

import copy

import mujoco

from wildrobot_cli.config.environment import EnvConfig, SolverConfig
from wildrobot_cli.robot import Robot


def engine_model(robot: Robot, config: EnvConfig, solver: SolverConfig) -> mujoco.MjModel:
    """Return a copy of the robot's model with the configured time step and solver."""
    model = copy.copy(robot.model)
    model.opt.timestep = config.control_period / config.substeps
    model.opt.iterations = solver.iterations
    model.opt.ls_iterations = solver.ls_iterations
    model.opt.tolerance = solver.tolerance
    return model
