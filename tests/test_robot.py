"""The packaged robot: the facts of the machine, the servo's physics, the home pose, the sensors."""

import copy

import mujoco
import numpy as np
import pytest

from wildrobot_cli.robot import Foot, Robot, load_robot

LEG = ("hip_pitch", "hip_roll", "knee_pitch", "ankle_pitch", "foot_roll")
JOINTS = ("waist_yaw", *(f"{side}_{joint}" for side in ("left", "right") for joint in LEG))
MASSES = {
    "hip_bracket": 0.085,
    "upper_leg": 0.237,
    "lower_leg": 0.381,
    "ankle": 0.023,
    "foot": 0.414,
}
INERTIAS = {
    "waist": (1.0e-3, 7.0e-4, 7.0e-4),
    "chassis": (1.3e-3, 1.5e-3, 9.0e-4),
    "left_hip_bracket": (2e-5, 2e-5, 2e-5),
    "left_upper_leg": (9.9e-4, 9.8e-4, 1.3e-4),
    "left_lower_leg": (1.7e-3, 1.7e-3, 6.7e-4),
    "left_foot": (3.2e-4, 7.5e-4, 9.8e-4),
}
RANGES = {
    "hip_pitch": (-1.57, 0.52),
    "hip_roll": (-0.17, 1.57),
    "knee_pitch": (0.0, 2.09),
    "ankle_pitch": (-0.70, 0.79),
    "foot_roll": (-0.79, 0.79),
}
SOLE_HEIGHT = 0.060


@pytest.fixture(scope="module")
def robot() -> Robot:
    return load_robot("wildrobot")


def posed(robot: Robot, **angles: float) -> mujoco.MjData:
    """Straight legs, but for the joints named."""
    data = mujoco.MjData(robot.model)
    for name, angle in angles.items():
        data.qpos[robot.qpos_ids[robot.joint_names.index(name)]] = angle
    mujoco.mj_forward(robot.model, data)
    return data


def at_home(robot: Robot) -> mujoco.MjData:
    data = mujoco.MjData(robot.model)
    data.qpos[:] = robot.home_qpos
    data.ctrl[:] = robot.home_ctrl
    mujoco.mj_forward(robot.model, data)
    return data


def foot_force(data: mujoco.MjData, foot: Foot) -> float:
    return sum(data.sensordata[switch].item() for switch in foot.switches)


def tilt(data: mujoco.MjData, body: int) -> float:
    """Angle between a body's z axis and the world's [rad]."""
    return float(np.arccos(np.clip(data.xmat[body].reshape(3, 3)[2, 2], -1, 1)))


# --- facts of the machine


def test_masses_are_the_machines(robot: Robot) -> None:
    mass = {robot.model.body(i).name: robot.model.body_mass[i] for i in range(robot.model.nbody)}
    assert mass.pop("world") == 0
    assert mass.pop("waist") == pytest.approx(0.440)
    assert mass.pop("chassis") == pytest.approx(0.841)
    assert mass == {f"{s}_{part}": m for s in ("left", "right") for part, m in MASSES.items()}
    assert robot.mass == pytest.approx(3.56, abs=0.005)
    assert robot.weight == pytest.approx(3.56 * 9.81, abs=0.05)


def test_inertias_are_the_machines(robot: Robot) -> None:
    for name, expected in INERTIAS.items():
        for body in (name, name.replace("left", "right")):
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, robot.model.body(body).iquat)
            axes = rotation.reshape(3, 3)
            inertia = axes @ np.diag(robot.model.body(body).inertia) @ axes.T
            np.testing.assert_allclose(inertia, np.diag(expected), atol=1e-12)


def test_straight_robot_stands_half_a_metre_tall(robot: Robot) -> None:
    data = posed(robot)
    assert data.body("waist").xpos[2] == pytest.approx(0.502)
    for side, y in (("left", 0.054), ("right", -0.054)):
        names = ("hip_pitch", "hip_roll", "knee_pitch", "ankle_pitch", "foot_roll")
        anchors = [data.joint(f"{side}_{name}").xanchor for name in names]
        heights = [0.468, 0.432, 0.240, SOLE_HEIGHT, SOLE_HEIGHT]
        np.testing.assert_allclose(anchors, [(0, y, z) for z in heights], atol=1e-12)
        np.testing.assert_allclose(data.site(f"{side}_sole").xpos[1:], (y, 0), atol=1e-12)
    assert data.body("chassis").xpos[2] - data.body("waist").xpos[2] == pytest.approx(0.048)


def test_only_the_soles_corners_touch_the_floor(robot: Robot) -> None:
    model, data = robot.model, posed(robot)
    touching = [i for i in range(model.ngeom) if model.geom_contype[i] or model.geom_conaffinity[i]]
    spheres = [i for i in touching if model.geom_type[i] == mujoco.mjtGeom.mjGEOM_SPHERE]
    assert len(touching) == len(spheres) + 1 == 9
    radius = model.geom_size[spheres, 0]
    np.testing.assert_allclose(data.geom_xpos[spheres, 2] - radius, 0, atol=1e-12)
    for side in ("left", "right"):
        body = model.body(f"{side}_foot").id
        corners = data.geom_xpos[[i for i in spheres if model.geom_bodyid[i] == body], :2]
        extent = np.ptp(corners, axis=0) + 2 * radius[0]
        np.testing.assert_allclose(extent, (0.17, 0.08), atol=1e-9)
        np.testing.assert_allclose(corners.mean(0), data.site(f"{side}_sole").xpos[:2], atol=1e-9)


def test_sole_friction_is_the_feets(robot: Robot) -> None:
    data = at_home(robot)
    assert data.ncon == 8
    for contact in data.contact:
        assert contact.friction[:2] == pytest.approx((0.8, 0.8))
        assert contact.dim == 3


def test_joint_order_and_ranges_are_the_machines(robot: Robot) -> None:
    assert robot.joint_names == JOINTS
    for name, lower, upper in zip(JOINTS, robot.lower, robot.upper, strict=True):
        side, _, joint = name.partition("_")
        low, high = RANGES.get(joint, (-0.52, 0.52))
        if side == "right" and joint == "hip_roll":
            low, high = -high, -low
        assert (lower, upper) == (low, high), name


def test_signs_are_one_convention_for_both_legs(robot: Robot) -> None:
    straight = posed(robot)
    for side, outward in (("left", 1), ("right", -1)):
        sole, knee = f"{side}_sole", f"{side}_lower_leg"
        assert posed(robot, **{f"{side}_knee_pitch": 0.5}).site(sole).xpos[0] < -0.05
        assert posed(robot, **{f"{side}_hip_pitch": -0.5}).body(knee).xpos[0] > 0.05
        lifted = posed(robot, **{f"{side}_ankle_pitch": -0.3}).site(f"{side}_toe").xpos[2]
        assert lifted > straight.site(f"{side}_toe").xpos[2] + 0.02
        assert posed(robot, **{f"{side}_hip_roll": 0.1}).site(sole).xpos[1] > (
            straight.site(sole).xpos[1] + 0.03
        )
        index = robot.joint_names.index(f"{side}_hip_roll")
        widest = robot.upper[index] if outward > 0 else robot.lower[index]
        assert widest == outward * 1.57
        rolled = posed(robot, **{f"{side}_foot_roll": 0.3}).site(sole).xmat.reshape(3, 3)
        assert rolled[2, 1] > 0.2
    turned = posed(robot, waist_yaw=0.3).body("chassis").xmat.reshape(3, 3)
    assert turned[1, 0] > 0.2


def test_legs_mirror_each_other(robot: Robot) -> None:
    left, right = posed(robot, left_hip_roll=0.3), posed(robot, right_hip_roll=-0.3)
    mirror = np.array([1, -1, 1])
    np.testing.assert_allclose(
        left.site("left_sole").xpos, mirror * right.site("right_sole").xpos, atol=1e-12
    )
    np.testing.assert_allclose(left.subtree_com[0], mirror * right.subtree_com[0], atol=1e-12)


# --- servo


def test_servo_stays_within_its_speed_torque_line(robot: Robot) -> None:
    model = copy.copy(robot.model)
    model.opt.gravity[:] = 0
    limit, slope = robot.torque_limit, robot.torque_limit / robot.servo.no_load_speed
    peak = np.zeros(model.nu)
    for joint in range(model.nu):
        data = mujoco.MjData(model)
        data.qpos[robot.root_qpos] = (0, 0, 5, 1, 0, 0, 0)
        data.qpos[robot.qpos_ids] = np.clip(0, robot.lower, robot.upper)
        data.qpos[robot.qpos_ids[joint]] = robot.lower[joint]
        data.ctrl[:] = data.qpos[robot.qpos_ids]
        data.ctrl[joint] = robot.upper[joint]
        for _ in range(150):
            speed = data.qvel[robot.qvel_ids].copy()
            mujoco.mj_step(model, data)
            shaft = data.actuator_force - robot.damping * speed
            assert (shaft * np.sign(speed) <= limit - slope * abs(speed) + 0.01).all()
            peak[joint] = max(peak[joint], abs(data.qvel[robot.qvel_ids[joint]]))
    assert peak.max() <= 1.005 * robot.servo.no_load_speed  # 4.0 / 0.69, and the other bodies' pull
    assert peak.max() > 0.5 * robot.servo.no_load_speed


def test_servo_constants_are_the_machines(robot: Robot) -> None:
    assert set(robot.kp) == {21.1}
    assert set(robot.torque_limit) == {4.0}
    assert set(robot.damping) == {0.69}
    assert set(robot.model.dof_armature[robot.qvel_ids]) == {0.025}
    assert set(robot.model.dof_frictionloss[robot.qvel_ids]) == {0.022}
    assert robot.servo.no_load_speed == 5.8
    assert robot.servo.encoder_resolution == pytest.approx(np.radians(0.24), rel=1e-3)
    assert "11.1 V x 3.0 A" in robot.servo.copper_loss_source
    assert robot.servo.copper_loss == pytest.approx(11.1 * 3.0 / 4.41**2, abs=0.005)


# --- standing


def test_home_stands_still_for_ten_seconds(robot: Robot) -> None:
    data = at_home(robot)
    for _ in range(round(10 / robot.model.opt.timestep)):
        mujoco.mj_step(robot.model, data)
        assert tilt(data, robot.root_body) < np.radians(3)
        root = data.qpos[robot.root_qpos][:3]
        assert np.linalg.norm(root - robot.home_qpos[robot.root_qpos][:3]) < 0.005
    assert abs(data.qvel).max() < 1e-3
    np.testing.assert_allclose(
        data.qpos[robot.qpos_ids], robot.home_qpos[robot.qpos_ids], atol=1e-3
    )


def test_home_is_symmetric_and_over_its_feet(robot: Robot) -> None:
    data = at_home(robot)
    mirror = np.array([1, -1, 1, 1, -1])
    for pose in (robot.home_qpos[robot.qpos_ids], robot.home_ctrl):
        assert pose[0] == 0
        np.testing.assert_array_equal(pose[1:6], mirror * pose[6:])
    soles = [data.sensordata[foot.position] for foot in (robot.feet.left, robot.feet.right)]
    np.testing.assert_allclose(data.subtree_com[0][:2], np.mean(soles, 0)[:2], atol=0.002)


def test_foot_switches_carry_the_weight(robot: Robot) -> None:
    data = at_home(robot)
    for _ in range(500):
        mujoco.mj_step(robot.model, data)
    forces = [foot_force(data, foot) for foot in (robot.feet.left, robot.feet.right)]
    assert forces[0] == pytest.approx(forces[1], rel=0.01)
    assert sum(forces) == pytest.approx(robot.weight, rel=0.01)
    for foot in (robot.feet.left, robot.feet.right):
        assert all(data.sensordata[switch].item() > 0.1 * robot.weight for switch in foot.switches)


def test_foot_switches_feel_every_contact_at_any_tilt(robot: Robot) -> None:
    data, wrench = at_home(robot), np.zeros(6)
    rng = np.random.default_rng(0)
    feet = {
        robot.model.body(f"{side}_foot").id: getattr(robot.feet, side) for side in ("left", "right")
    }
    loaded = 0
    for step in range(300):
        if step % 10 == 0:
            data.ctrl[:] = rng.uniform(robot.lower, robot.upper) * 0.5
        mujoco.mj_step(robot.model, data)
        normal = dict.fromkeys(feet, 0.0)
        for i, contact in enumerate(data.contact):
            mujoco.mj_contactForce(robot.model, data, i, wrench)
            normal[robot.model.geom_bodyid[contact.geom2]] += wrench[0]
        for body, foot in feet.items():
            assert foot_force(data, foot) == pytest.approx(normal[body], abs=1e-6)
            loaded += normal[body] > 1
    assert loaded > 100


# --- what engine equality asks for, and what both engines read


def test_model_has_what_engine_equality_needs(robot: Robot) -> None:
    option = robot.model.opt
    assert option.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert option.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    assert option.solver == mujoco.mjtSolver.mjSOL_NEWTON
    assert (option.iterations, option.ls_iterations, option.tolerance) == (20, 20, 1e-8)
    assert option.timestep == 0.004
    np.testing.assert_array_equal(robot.model.actuator_biasprm[:, 2], 0)


def test_sensors_read_the_standing_robot(robot: Robot) -> None:
    sensors = at_home(robot).sensordata
    np.testing.assert_allclose(sensors[robot.imu.gyro], 0, atol=1e-12)
    np.testing.assert_allclose(sensors[robot.imu.accelerometer], (0, 0, 9.81), atol=0.1)
    np.testing.assert_allclose(sensors[robot.imu.orientation], (1, 0, 0, 0), atol=1e-12)
    for foot, side in ((robot.feet.left, 1), (robot.feet.right, -1)):
        np.testing.assert_allclose(sensors[foot.position][1:], (side * 0.054, 0), atol=1e-3)
        np.testing.assert_allclose(sensors[foot.velocity], 0, atol=1e-12)
        np.testing.assert_allclose(sensors[foot.up], (0, 0, 1), atol=1e-3)
    widths = [part.stop - part.start for part in vars(robot.imu).values()]
    assert widths == [3, 3, 4]


def test_model_to_look_at_moves_exactly_like_the_lean_one(robot: Robot) -> None:
    visual = robot.visual_model()
    assert visual.ngeom > robot.model.ngeom == 9
    assert {visual.camera(i).name for i in range(visual.ncam)} == {"track", "side"}
    lean, full = at_home(robot), mujoco.MjData(visual)
    full.qpos[:], full.ctrl[:] = lean.qpos, lean.ctrl
    for data, model in ((lean, robot.model), (full, visual)):
        data.ctrl[1] -= 0.4
        mujoco.mj_step(model, data, 100)
    np.testing.assert_array_equal(lean.qpos, full.qpos)
    np.testing.assert_array_equal(lean.sensordata, full.sensordata)


def test_description_cannot_be_changed(robot: Robot) -> None:
    with pytest.raises(ValueError, match="read-only"):
        robot.home_ctrl[0] = 1.0
    with pytest.raises(AttributeError):
        robot.mass = 1.0  # type: ignore[misc]
