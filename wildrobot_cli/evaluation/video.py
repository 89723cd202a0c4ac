"""An animation of a robot's motion, rendered without a screen."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.evaluation.captions import Captions, caption, captions_of
from wildrobot_cli.evaluation.landscape import on_ground
from wildrobot_cli.evaluation.metrics import progress
from wildrobot_cli.evaluation.trajectory import Floats, Trajectory
from wildrobot_cli.robot import Robot
from wildrobot_cli.whole import check_name, whole

if TYPE_CHECKING:
    from wildrobot_cli.env.ground import Ground

MP4 = ".mp4"
FORMATS = (MP4, ".gif", ".webp", ".png")
"""What an animation is written as, by file name."""
SECONDS = 8.0
"""Longest animation of an evaluation [s]."""
FRAMES_PER_S = 25.0
"""Frames in a second of animation."""
SIZE = 480
"""Width and height of a picture of the robot, captions beside it [px]."""
FINER = 1.5
"""Frames are rendered so much larger and averaged; in software that smooths edges at half the
price of multisampling."""
SHADOW = 1024
"""Resolution of shadows, which in software are a third of the price [px]."""
DISTANCE = 3.0
"""Distance of the camera from a robot that brings none, in its standing heights."""
VIEW = (140.0, -12.0)
"""Azimuth and elevation of that camera [deg]."""
MISSING = "an animation needs Pillow and PyAV: pip install 'wildrobot[video]'"
"""What is said where a package is missing."""


def check_video_path(path: Path) -> Path:
    """Return the file to write: `path`, or a GIF beside it where nothing here encodes MP4.

    Raises:
        ConfigError: the name ends in none of `FORMATS`, or its folder is not there.
        EnvironmentUnavailable: Pillow is missing.
    """
    check_name("--video", path, FORMATS)
    if find_spec("PIL") is None:
        raise EnvironmentUnavailable(MISSING)
    if path.suffix.lower() == MP4 and find_spec("av") is None:
        return path.with_suffix(".gif")
    return path


def animate(
    path: Path,
    robot: Robot,
    trajectory: Trajectory,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Animate the typical episode of an evaluation, captioned, for up to `SECONDS`.

    Raises:
        EnvironmentUnavailable: OpenGL or a package is missing, or the disk refuses.
    """
    episode = typical_episode(trajectory)
    rows = trajectory.alive[:, episode] & (np.arange(trajectory.steps) * trajectory.dt < SECONDS)
    positions = episode_positions(robot, trajectory, episode)[rows]
    captions = captions_of(trajectory, episode)
    ground = None if trajectory.ground is None else trajectory.ground.only(episode)
    write_video(path, robot, trajectory.dt, positions, captions, ground, on_progress)


def typical_episode(trajectory: Trajectory) -> int:
    """Return the episode that came the median way, of those that lasted a control step if any."""
    ran = np.flatnonzero(trajectory.alive.any(axis=0) | ~trajectory.alive.any())
    way = progress(trajectory)[ran]
    return int(ran[np.argsort(way, kind="stable")[(ran.size - 1) // 2]])


def episode_positions(robot: Robot, trajectory: Trajectory, episode: int) -> Floats:
    """The robot's generalized positions throughout an episode. Shape (T, nq)."""
    qpos = np.tile(robot.home_qpos, (trajectory.steps, 1))
    root = trajectory.position[:, episode], trajectory.orientation[:, episode]
    qpos[:, robot.root_qpos] = np.concatenate(root, axis=-1)
    qpos[:, robot.qpos_ids] = trajectory.joint_pos[:, episode]
    return qpos


def write_video(
    path: Path,
    robot: Robot,
    dt: float,
    positions: np.ndarray,
    captions: Captions | None = None,
    ground: "Ground | None" = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Render positions with the robot's tracking camera into an animation.

    Args:
        path: file to write; its ending, one of `FORMATS`, names the format.
        robot: whose motion it is.
        dt: time between positions [s].
        positions: qpos. Shape (T, nq).
        captions: what to write over each position.
        ground: what it stands on; None is a level floor.
        on_progress: called with the share that is done, in 0..1.

    Raises:
        EnvironmentUnavailable: OpenGL or a package is missing, or the disk refuses.
    """
    stride = max(1, round(1.0 / (FRAMES_PER_S * dt)))
    shown = range(0, len(positions), stride)
    report = on_progress or (lambda _: None)

    def frames() -> Iterator[np.ndarray]:
        for count, frame in enumerate(_rendered(robot, positions[shown], ground)):
            yield frame if captions is None else caption(frame, captions, shown[count])
            report((count + 1) / len(shown))

    encode = _encode_mp4 if path.suffix.lower() == MP4 else _encode_picture
    try:
        with whole(path) as unfinished:
            encode(unfinished, path.suffix.lower(), frames(), stride * dt)
    except ImportError:
        raise EnvironmentUnavailable(MISSING) from None
    except OSError as error:
        raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error


def _encode_mp4(path: Path, kind: str, frames: Iterator[np.ndarray], period: float) -> None:
    """Write H.264 that every browser plays; `period` is the time between frames [s]."""
    import av

    with av.open(str(path), "w", format=kind[1:], options={"movflags": "faststart"}) as container:
        rate = Fraction(1 / period).limit_denominator(1000)
        stream: Any = container.add_stream("h264", rate=rate, options={"crf": "26"})
        stream.pix_fmt = "yuv420p"
        first = next(frames)
        stream.height, stream.width = first.shape[:2]
        for frame in chain([first], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _encode_picture(path: Path, kind: str, frames: Iterator[np.ndarray], period: float) -> None:
    """Write an animated picture; `period` is the time between frames [s]."""
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames)
    duration = round(1000 * period)
    first.save(
        path,
        kind[1:],
        save_all=True,
        append_images=others,
        loop=0,
        duration=duration,
        quality=60,
    )


def _rendered(robot: Robot, positions: np.ndarray, ground: "Ground | None") -> Iterator[np.ndarray]:
    """Render each row of positions. Shapes (SIZE, SIZE, 3), uint8."""
    import mujoco
    from PIL import Image

    model = robot.visual_model()
    if ground is not None:
        model = on_ground(robot, ground, positions[:, robot.root_qpos][:, :2])
    data = mujoco.MjData(model)
    camera = _camera(robot, model)
    fine = round(FINER * SIZE)
    model.vis.global_.offwidth = model.vis.global_.offheight = fine
    model.vis.quality.offsamples, model.vis.quality.shadowsize = 0, SHADOW
    try:
        renderer = mujoco.Renderer(model, fine, fine)
    except (mujoco.FatalError, RuntimeError, ImportError, AttributeError) as error:
        raise EnvironmentUnavailable(
            f"an animation needs OpenGL, which does not work here: {error}"
        ) from error
    with renderer:
        for qpos in positions:
            data.qpos[:] = qpos
            mujoco.mj_forward(model, data)
            renderer.update_scene(data, camera=camera)
            yield np.asarray(
                Image.fromarray(renderer.render()).resize((SIZE, SIZE), Image.Resampling.BOX)
            )


def _camera(robot: Robot, model: Any) -> Any:
    """The robot's own first camera; for a robot without one, a camera that follows its root."""
    import mujoco

    if model.ncam:
        return 0
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
    camera.trackbodyid = robot.root_body
    camera.distance = DISTANCE * float(robot.home_qpos[robot.root_qpos][2])
    camera.azimuth, camera.elevation = VIEW
    return camera
