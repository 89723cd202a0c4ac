"""An animation of a policy, rendered without a screen."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.robot import Robot
from wildrobot_cli.training.policy import PolicyFn, load_policy
from wildrobot_cli.training.run_folder import RunFolder

FORMATS = (".gif", ".webp", ".png")
"""Animated picture formats, by file name."""
SECONDS = 8.0
"""Length of an animation [s]."""


def check_video_path(path: Path) -> None:
    """Raise `ConfigError` for a file name that is none of `FORMATS`."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--video {path}: expected a name that ends in {', '.join(FORMATS)}")


def animate(
    run: RunFolder,
    config: Config,
    checkpoint: str | None,
    path: Path,
    on_progress: Callable[[str, float], None] | None = None,
) -> None:
    """Animate a run's policy, under commands drawn from its own range, for `SECONDS`.

    Raises:
        RunError: the checkpoint does not fit.
        EnvironmentUnavailable: OpenGL or Pillow is missing.
    """
    env = WildRobotEnv(config.env)
    policy = load_policy(run, config, env, checkpoint)
    positions = record_motion(env, policy.act, SECONDS, config.seed)
    report = on_progress or (lambda _name, _share: None)
    write_video(
        path, env.robot, env.dt, positions, on_progress=lambda share: report("animation", share)
    )


def record_motion(env: WildRobotEnv, act: PolicyFn, seconds: float, seed: int) -> np.ndarray:
    """Run one episode and keep its positions, to the fall if there is one. Shape (T, nq)."""
    steps = round(seconds / env.dt)

    @jax.jit
    def run(rng: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(state: object, _: None) -> tuple[object, tuple[jax.Array, jax.Array]]:
            after = env.step(state, act(state.obs))  # type: ignore[attr-defined]
            return after, (after.pipeline_state.physics.qpos, after.done)

        return jax.lax.scan(step, env.reset(rng), None, length=steps)[1]

    positions, done = jax.device_get(run(jax.random.PRNGKey(seed)))
    alive = np.cumsum(done) == 0
    return positions[alive]


def write_video(
    path: Path,
    robot: Robot,
    dt: float,
    positions: np.ndarray,
    frames_per_s: float = 25.0,
    size: tuple[int, int] = (400, 400),
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Render positions with the robot's tracking camera into an animated picture.

    Args:
        path: file to write; its ending names the format.
        robot: whose motion it is.
        dt: time between positions [s].
        positions: qpos. Shape (T, nq).
        frames_per_s: of the animation.
        size: width and height [px].
        on_progress: called with the share that is done, in 0..1.

    Raises:
        EnvironmentUnavailable: OpenGL or Pillow is missing.
    """
    try:
        from PIL import Image
    except ImportError:
        raise EnvironmentUnavailable(
            "--video needs Pillow: pip install 'wildrobot[video]'"
        ) from None
    stride = max(1, round(1.0 / (frames_per_s * dt)))
    frames = [
        Image.fromarray(frame)
        for frame in _frames(robot, positions[::stride], size, on_progress or (lambda _: None))
    ]
    duration = round(1000 * stride * dt)
    frames[0].save(
        path, save_all=True, append_images=frames[1:], loop=0, duration=duration, quality=60
    )


def _frames(
    robot: Robot,
    positions: np.ndarray,
    size: tuple[int, int],
    on_progress: Callable[[float], None],
) -> list[np.ndarray]:
    """Render each row of positions. Shapes (height, width, 3), uint8."""
    import mujoco

    model = robot.visual_model()
    data = mujoco.MjData(model)
    camera = 0 if model.ncam else -1
    width, height = size
    frames = []
    try:
        renderer = mujoco.Renderer(model, height, width)
    except (mujoco.FatalError, RuntimeError, ImportError, AttributeError) as error:
        raise EnvironmentUnavailable(f"--video: OpenGL does not work here: {error}") from error
    with renderer:
        for index, qpos in enumerate(positions):
            data.qpos[:] = qpos
            mujoco.mj_forward(model, data)
            renderer.update_scene(data, camera=camera)
            frames.append(renderer.render().copy())
            on_progress((index + 1) / len(positions))
    return frames
