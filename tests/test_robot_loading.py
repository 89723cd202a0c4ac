"""Loading a robot: any biped can be described, and a wrong file is told what and what else."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wildrobot_cli.config.resources import asset_dir
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.robot import load_robot

OTHER_MJCF = """
<mujoco>
  <worldbody>
    <body><joint name="door" axis="0 0 1"/><geom size="0.1"/></body>
    <body name="torso" pos="0 0 1">
      <freejoint/><geom size="0.1"/><site name="chest"/>
      <body pos="0 0.1 -0.5">
        <joint name="l" range="-1 1" axis="0 1 0"/><geom size="0.05"/><site name="ls"/>
      </body>
      <body pos="0 -0.1 -0.5">
        <joint name="r" range="-1 1" axis="0 1 0"/><geom size="0.05"/><site name="rs"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <position joint="r" kp="5" forcerange="-2 2"/>
    <position joint="l" kp="4" forcerange="-3 3"/>
  </actuator>
  <sensor>
    <gyro name="g" site="chest"/>
    <accelerometer name="a" site="chest"/>
    <framequat name="q" objtype="site" objname="chest"/>
    <framepos name="lp" objtype="site" objname="ls"/>
    <framelinvel name="lv" objtype="site" objname="ls"/>
    <framezaxis name="lu" objtype="site" objname="ls"/>
    <touch name="lt" site="ls"/>
    <framepos name="rp" objtype="site" objname="rs"/>
    <framelinvel name="rv" objtype="site" objname="rs"/>
    <framezaxis name="ru" objtype="site" objname="rs"/>
    <touch name="rt" site="rs"/>
  </sensor>
  <keyframe><key name="stand" ctrl="0.1 0.2"/></keyframe>
</mujoco>
"""
OTHER_YAML = """
name: other
mjcf: other.xml
home: stand
joints: [r, l]
root: torso
heading_joint: null
imu: {gyro: g, accelerometer: a, orientation: q}
feet:
  left: {site: ls, position: lp, velocity: lv, orientation: lu, switches: [lt]}
  right: {site: rs, position: rp, velocity: rv, orientation: ru, switches: [rt]}
servo: {no_load_speed: 6, encoder_resolution: 0, copper_loss: 0, copper_loss_source: none}
"""


def test_any_biped_can_be_described(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text(OTHER_MJCF)
    (tmp_path / "other.yaml").write_text(OTHER_YAML)
    other = load_robot(tmp_path / "other.yaml")
    assert other.joint_names == ("r", "l")
    assert (other.root_qpos, other.root_qvel) == (slice(1, 8), slice(1, 7))
    assert other.qpos_ids.tolist() == [9, 8]
    assert other.qvel_ids.tolist() == [8, 7]
    assert other.kp.tolist() == [5, 4]
    assert other.torque_limit.tolist() == [2, 3]
    assert other.home_ctrl.tolist() == [0.1, 0.2]
    assert other.heading_joint is None
    assert other.groups == {}
    assert other.mass < other.model.body_mass.sum()


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a copy of the packaged robot."""
    for name in ("wildrobot.yaml", "wildrobot.xml"):
        shutil.copy(asset_dir() / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def complaint(in_folder: Path) -> Callable[..., str]:
    """Replaces text in one file of the copy; returns the error, its line numbers left out."""

    def replace(file: str, old: str, new: str) -> str:
        path = in_folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(ConfigError) as error:
            load_robot("wildrobot.yaml")
        place, _, rest = str(error.value).partition(": ")
        source, _, line = place.partition(":")
        assert source == "wildrobot.yaml"
        assert line.isdigit()
        assert "\n" not in rest
        return rest

    return replace


YAML_COMPLAINTS = {
    "missing joint": (
        ("  - left_knee_pitch", "  - left_knee"),
        "joints.3: no joint 'left_knee' in wildrobot.xml; did you mean 'left_knee_pitch'?",
    ),
    "joints out of order": (
        ("  - left_hip_pitch\n  - left_hip_roll", "  - left_hip_roll\n  - left_hip_pitch"),
        "joints.1: expected the order of the actuators in wildrobot.xml, where actuator 1 drives "
        "'left_hip_pitch', got 'left_hip_roll'",
    ),
    "joint left out": (
        ("  - right_foot_roll\n", ""),
        "joints: expected one for each of the 11 actuators in wildrobot.xml, got 10; "
        "the difference: right_foot_roll",
    ),
    "root as a joint": (
        ("  - waist_yaw", "  - root"),
        "joints.0: 'root' in wildrobot.xml: expected a hinge or slide joint with a range",
    ),
    "missing body": (
        ("root: waist ", "root: wast "),
        "root: no body 'wast' in wildrobot.xml; did you mean 'waist'?",
    ),
    "root without free joint": (
        ("root: waist ", "root: chassis "),
        "root: body 'chassis' has no free joint in wildrobot.xml; valid: waist",
    ),
    "missing keyframe": (
        ("home: home ", "home: hom "),
        "home: no keyframe 'hom' in wildrobot.xml; did you mean 'home'?",
    ),
    "missing site": (
        ("site: left_sole", "site: left_soul"),
        "feet.left.site: no site 'left_soul' in wildrobot.xml; did you mean 'left_sole'?",
    ),
    "missing sensor": (
        ("gyro: imu_gyro", "gyro: imu_gyros"),
        "imu.gyro: no sensor 'imu_gyros' in wildrobot.xml; did you mean 'imu_gyro'?",
    ),
    "sensor of another kind": (
        ("gyro: imu_gyro", "gyro: imu_orientation"),
        "imu.gyro: expected a gyro sensor, 'imu_orientation' in wildrobot.xml is a framequat; "
        "valid: imu_gyro",
    ),
    "sensor of another foot": (
        ("velocity: left_sole_velocity", "velocity: right_sole_velocity"),
        "feet.left.velocity: expected a sensor of site 'left_sole' in the world frame, "
        "'right_sole_velocity' in wildrobot.xml is none",
    ),
    "missing switch": (
        ("[left_toe_touch, left_heel_touch]", "[left_toe_touch, left_hell_touch]"),
        "feet.left.switches.1: no sensor 'left_hell_touch' in wildrobot.xml; "
        "did you mean 'left_heel_touch'?",
    ),
    "missing heading joint": (
        ("heading_joint: waist_yaw", "heading_joint: waist_jaw"),
        "heading_joint: 'waist_jaw' is not among joints; did you mean 'waist_yaw'?",
    ),
    "missing group member": (
        ("left_foot_roll, right_hip_roll", "left_foot_rol, right_hip_roll"),
        "groups.lateral.2: 'left_foot_rol' is not among joints; did you mean 'left_foot_roll'?",
    ),
    "missing MJCF": (
        ("mjcf: wildrobot.xml", "mjcf: other.xml"),
        "mjcf: no such file: other.xml",
    ),
    "unknown key": (
        ("heading_joint: waist_yaw", "heading_joint: waist_yaw\nheight: 0.5"),
        "height: unknown key; valid: ",
    ),
    "negative speed": (
        ("no_load_speed: 5.8", "no_load_speed: -5.8"),
        "servo.no_load_speed: expected a number greater than 0, got -5.8",
    ),
}


@pytest.mark.parametrize("case", YAML_COMPLAINTS)
def test_wrong_yaml_is_told_what_and_what_else(case: str, complaint: Callable[..., str]) -> None:
    (old, new), expected = YAML_COMPLAINTS[case]
    assert complaint("wildrobot.yaml", old, new).startswith(expected)


def test_mjcf_that_does_not_compile_gives_mujocos_reason(complaint: Callable[..., str]) -> None:
    message = complaint("wildrobot.xml", 'joint="waist_yaw"/>', 'joint="waist"/>')
    assert message.startswith("mjcf: wildrobot.xml does not compile: ")
    assert "unknown transmission target 'waist'" in message


def test_mjcf_that_is_no_xml_gives_mujocos_reason(complaint: Callable[..., str]) -> None:
    message = complaint("wildrobot.xml", "</mujoco>", "")
    assert message.startswith("mjcf: wildrobot.xml does not compile: XML parse error")


@pytest.mark.parametrize(
    ("servo", "lacks"),
    [
        ("<motor {}/>", "it does not follow positions; write <position kp=...>"),
        ("<velocity kv='3' {}/>", "it does not follow positions; write <position kp=...>"),
        ("<position gear='2' {}/>", "gear is 2; put the gearbox's ratio into kp, "),
        ("<position forcerange='-1 4' {}/>", "forcerange is -1 4"),
        ("<position forcelimited='false' {}/>", "it has no forcerange"),
        (
            "<position inheritrange='0' ctrlrange='-1 0.5' {}/>",
            "ctrlrange is -1 0.5, the range of joint 'waist_yaw' -",
        ),
    ],
)
def test_actuator_that_is_no_servo_is_told_what_it_lacks(servo, lacks, complaint):
    names = 'name="waist_yaw" joint="waist_yaw"'
    message = complaint("wildrobot.xml", f"<position {names}/>", servo.format(names))
    start = "joints: actuator 'waist_yaw' in wildrobot.xml: expected a position servo on a joint, "
    assert message.startswith(start)
    assert lacks in message


def test_servo_on_a_tendon_is_refused(complaint):
    old = '<actuator>\n    <position name="waist_yaw" joint="waist_yaw"/>'
    cord = '<tendon><fixed name="cord"><joint joint="waist_yaw" coef="1"/></fixed></tendon>'
    pull = '<actuator><position name="waist_yaw" tendon="cord" inheritrange="0"/>'
    assert complaint("wildrobot.xml", old, cord + pull).endswith("it drives no joint")


def test_keyframe_without_targets_is_told_its_angles(complaint):
    text = (asset_dir() / "wildrobot.xml").read_text()
    ctrl = re.search(r'\sctrl="[^"]*"', text)
    message = complaint("wildrobot.xml", ctrl[0], "")
    assert message.startswith("home: keyframe 'home' in wildrobot.xml has no ctrl, the targets")
    assert len(message.split('ctrl="')[1].split()) == 11


def test_error_of_mujoco_is_shown_without_its_housekeeping(complaint):
    message = complaint("wildrobot.xml", '<freejoint name="root"/>', "")
    assert message.startswith("mjcf: wildrobot.xml does not compile: keyframe 'home': invalid qpos")
    assert "discarded" not in message


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        (
            "wildrobot.yaml",
            "heading_joint: waist_yaw",
            "heading_joint: null",
            "with no joint between, on one that it carries; it is on 'chassis', beyond 'waist_yaw'",
        ),
        (
            "wildrobot.yaml",
            "heading_joint: waist_yaw",
            "heading_joint: left_hip_roll",
            "beyond heading_joint 'left_hip_roll' alone, on one that it carries; it is on "
            "'chassis', beyond 'waist_yaw'",
        ),
        (
            "wildrobot.xml",
            '"imu"/>',
            '"left_sole"/>',
            "beyond 'left_hip_pitch' and 'left_hip_roll'",
        ),
    ],
)
def test_imu_that_does_not_tell_the_roots_lean_is_refused(complaint, file, old, new, found):
    message = complaint(file, old, new)
    assert message.startswith("imu.orientation: expected the IMU on body 'waist' or, ")
    assert found in message


def test_unknown_robot_lists_the_packaged_ones() -> None:
    with pytest.raises(ConfigError) as error:
        load_robot("wildrobt")
    assert str(error.value).startswith("wildrobt: no such robot; did you mean 'wildrobot'?")


def test_fingerprint_follows_both_files_and_what_they_include(in_folder: Path) -> None:
    assert load_robot("wildrobot.yaml").fingerprint == load_robot("wildrobot").fingerprint
    mjcf = in_folder / "wildrobot.xml"
    text = mjcf.read_text()
    sensors = text[text.index("<sensor>") : text.index("</sensor>") + len("</sensor>")]
    mjcf.write_text(text.replace(sensors, '<include file="parts/sensors.xml"/>'))
    (in_folder / "parts").mkdir()
    (in_folder / "parts/sensors.xml").write_text(f"<mujoco>{sensors}</mujoco>")
    for name in ("wildrobot.yaml", "wildrobot.xml", "parts/sensors.xml"):
        before = load_robot("wildrobot.yaml").fingerprint
        path = in_folder / name
        path.write_text(path.read_text() + "\n")
        assert load_robot("wildrobot.yaml").fingerprint != before


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "wildrobot.yaml",
            "switches: [left_toe_touch, left_heel_touch]",
            "switches: [left_toe_touch, right_heel_touch]",
            "'right_heel_touch' is not on the foot, body 'left_foot'",
        ),
        (
            "wildrobot.yaml",
            "switches: [left_toe_touch, left_heel_touch]",
            "switches: [left_toe_touch, left_toe_touch]",
            "'left_toe_touch' stands twice",
        ),
        (
            "wildrobot.xml",
            '<accelerometer name="imu_accelerometer" site="imu"/>',
            '<accelerometer name="imu_accelerometer" site="left_sole"/>',
            "'imu_accelerometer' is not at the gyro's site",
        ),
        (
            "wildrobot.xml",
            "<option timestep",
            '<option gravity="0 0 0" timestep',
            "gravity along -z",
        ),
        ("wildrobot.xml", 'qpos="0 0 0.47727', 'qpos="0 0 nan', "has a value that is no number"),
    ],
)
def test_what_no_simulation_could_show_is_refused(complaint, file, old, new, message):
    assert message in complaint(file, old, new)
