"""MuJoCo C's own batch, stepped from Python: no JAX, no environment, nothing but physics."""

import mujoco
import numpy as np
from mujoco.batch import Batch

from wildrobot_cli.bench.stopwatch import Stopwatch
from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.resources import benchmark_dir
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.robot import load_robot

REFERENCE_SUBSTEPS = 5
"""Physics steps of the reference model in a control step."""
_UPRIGHT = 50
"""Control steps until fallen robots are set on their feet again."""
_NOISE = 0.15
"""Standard deviation of the targets around home [rad]."""


def own_physics(config: EnvConfig, num_envs: int, stopwatch: Stopwatch) -> None:
    """Step the configured robot's model."""
    robot = load_robot(config.robot)
    sims = Batch(
        engine_model(robot, config, config.mujoco), nsim=num_envs, nthread=config.mujoco.threads
    )
    _step(sims, robot.home_qpos, robot.home_ctrl, config.substeps, stopwatch)


def reference_physics(config: EnvConfig, num_envs: int, stopwatch: Stopwatch) -> None:
    """Step the reference model, the yardstick of all that is measured."""
    model = mujoco.MjModel.from_xml_path(str(benchmark_dir() / "reference.xml"))
    home, sims = model.key("home"), Batch(model, nsim=num_envs, nthread=config.mujoco.threads)
    _step(sims, home.qpos, home.ctrl, REFERENCE_SUBSTEPS, stopwatch)


def _step(
    sims: Batch, home_qpos: np.ndarray, home_ctrl: np.ndarray, substeps: int, stopwatch: Stopwatch
) -> None:
    """Step robots that sway around their home pose.

    Now and then they are set back on their feet: fallen ones have other contacts than those of
    a training, and other costs.
    """
    qpos, qvel, ctrl = sims.bind("qpos"), sims.bind("qvel"), sims.bind("ctrl")
    noise = np.random.default_rng(0).standard_normal((_UPRIGHT, *ctrl.shape))
    while True:
        qpos[:], qvel[:] = home_qpos, 0.0
        for push in noise:
            ctrl[:] = home_ctrl + _NOISE * push
            sims.step(nstep=substeps)
            stopwatch.done(sims.nsim)
