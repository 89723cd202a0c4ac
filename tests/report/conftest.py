"""A page of a run that was never trained."""

from pathlib import Path

import numpy as np
import pytest
from walks import EVIL, Walk, evaluated, make_run


@pytest.fixture(scope="session")
def page_file(tmp_path_factory, robot, config) -> Path:
    """The page of a run whose name wants to run, with two scenarios and an animation."""
    pytest.importorskip("av")
    from wildrobot_cli.evaluation import video
    from wildrobot_cli.report.animation import Animation
    from wildrobot_cli.report.page import write_report

    folder = tmp_path_factory.mktemp("report")
    frames = (np.full((540, 480, 3), 20 * k, np.uint8) for k in range(10))
    video._encode_mp4(folder / "walk.mp4", ".mp4", frames, 0.04)
    walk = Walk().trajectory()
    evaluation = evaluated(robot, name=EVIL, **{"flat": walk, f"turning {EVIL}": walk})
    animation = Animation.read(folder / "walk.mp4")
    write_report(folder / "report.html", make_run(folder, config), robot, evaluation, animation)
    return folder / "report.html"
