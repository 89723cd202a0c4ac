"""A floor in pieces is the floor, until its pieces are laid elsewhere."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.physics.terrain import in_pieces

STEPS = 300


@pytest.fixture(scope="module")
def divided(robot):
    return in_pieces(robot)


def lay(model, pieces, height=0.0, tilt=0.0):
    """Lay all pieces into one plane through the origin, tilted about y."""
    model.geom_pos[pieces.geoms] = 0.0, 0.0, height
    model.geom_quat[pieces.geoms] = np.cos(tilt / 2), 0.0, np.sin(tilt / 2), 0.0


def run(model, robot, steps=STEPS, sway=0.1):
    """Simulate a robot that sways; return where it went. Shape (steps, nq)."""
    data = mujoco.MjData(model)
    data.qpos[:] = robot.home_qpos
    rows = []
    for step in range(steps):
        data.ctrl[:] = robot.home_ctrl + sway * np.sin(0.05 * step + np.arange(model.nu))
        mujoco.mj_step(model, data)
        rows.append(data.qpos.copy())
    return np.stack(rows)


def test_level_pieces_are_the_floor(robot, divided):
    changed, pieces = divided
    lay(changed.model, pieces)
    np.testing.assert_allclose(run(changed.model, robot), run(robot.model, robot), atol=1e-9)


def test_everything_that_touched_the_floor_touches_one_piece(robot, divided):
    changed, pieces = divided
    assert len(pieces.geoms) == 8
    lay(changed.model, pieces)
    data = mujoco.MjData(changed.model)
    data.qpos[:] = robot.home_qpos
    data.qpos[2] -= 0.004
    mujoco.mj_forward(changed.model, data)
    pairs = {tuple(sorted(pair)) for pair in data.contact.geom.tolist()}
    assert len(pairs) == data.ncon == 8
    assert {pair[0] for pair in pairs} == set(pieces.geoms.tolist())
    assert len({pair[1] for pair in pairs}) == 8


def test_places_are_read_by_sensors_after_the_robots_own(robot, divided):
    changed, pieces = divided
    assert pieces.places.min() == robot.model.nsensordata
    data = mujoco.MjData(changed.model)
    data.qpos[:] = robot.home_qpos
    mujoco.mj_forward(changed.model, data)
    plain = mujoco.MjData(robot.model)
    plain.qpos[:] = robot.home_qpos
    mujoco.mj_forward(robot.model, plain)
    spheres = plain.geom_xpos[robot.model.geom_bodyid > 0]
    np.testing.assert_allclose(data.sensordata[pieces.places], spheres, atol=1e-12)
    np.testing.assert_allclose(pieces.clearance, 0.008)


def test_feet_that_are_no_spheres_clear_the_floor_by_as_much_as_they_are_high(robot, tmp_path):
    def flat(spec):
        for geom in spec.geoms:
            if geom.name.startswith("left_toe"):
                geom.type, geom.size = mujoco.mjtGeom.mjGEOM_BOX, [0.03, 0.02, 0.006]
            if geom.name.startswith("right_toe"):
                geom.type, geom.size = mujoco.mjtGeom.mjGEOM_CAPSULE, [0.005, 0.02, 0]

    spec = mujoco.MjSpec.from_file(str(robot.mjcf_path))
    flat(spec)
    spec.compile()
    file = tmp_path / "flat.xml"
    file.write_text(spec.to_xml())
    changed, pieces = in_pieces(replace(robot, mjcf_path=file))
    names = [changed.model.geom(piece).name for piece in pieces.geoms]
    heights = {"left_toe": 0.006, "right_toe": 0.025, "left_heel": 0.008, "right_heel": 0.008}
    for name, clearance in zip(names, pieces.clearance, strict=True):
        part = name.removeprefix("ground_under_").rsplit("_", 1)[0]
        assert clearance == pytest.approx(heights[part], abs=1e-6)


def test_pieces_laid_along_a_slope_are_a_sloping_floor(robot, divided):
    changed, pieces = divided
    lay(changed.model, pieces, tilt=0.05)

    def tilt(spec):
        spec.geom("floor").quat = [np.cos(0.025), 0.0, np.sin(0.025), 0.0]

    sloping = run(robot.variant(tilt).model, robot)
    np.testing.assert_allclose(run(changed.model, robot), sloping, atol=1e-9)
    assert np.abs(sloping - run(robot.model, robot)).max() > 0.01


def test_a_world_without_one_floor_is_refused(robot, tmp_path):
    text = robot.mjcf_path.read_text()
    file = tmp_path / "bare.xml"
    file.write_text(text.replace('type="plane" size="0 0 0.05"', 'type="box" size="9 9 0.05"'))
    with pytest.raises(ConfigError, match="has 0 planes in its world; expected 1, the floor"):
        in_pieces(replace(robot, mjcf_path=file))
