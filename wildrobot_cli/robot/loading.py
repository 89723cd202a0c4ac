"""From a robot's YAML and MJCF files to a `Robot`, or to a message that says what does not fit.

Everything that can be read from the MJCF is: order, ranges, gains, limits, masses. The YAML names
the parts, and adds what an MJCF cannot say about the servos.
"""

import hashlib
from pathlib import Path

import mujoco
import numpy as np

from wildrobot_cli.config.document import Document
from wildrobot_cli.config.loader import find, read_yaml, validate
from wildrobot_cli.config.resources import asset_dir
from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.robot.description import Feet, Foot, Imu, Robot, physics_spec
from wildrobot_cli.robot.parts import Parts
from wildrobot_cli.robot.schema import FootConfig, ImuConfig, RobotConfig
from wildrobot_cli.robot.servos import SERVO, lack

_DISCARDED = " The visual elements of the spec were discarded before this error, and remain so."
"""What MuJoCo adds to an error of a model that is compiled for physics alone."""
_MODELS = (".xml", ".mjcf", ".urdf")
_SCALAR_JOINTS = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))


def load_robot(name_or_path: str | Path) -> Robot:
    """Load a robot from its YAML file, by path, or by name among the packaged ones.

    Raises:
        ConfigError: naming the file, the key path, what was expected and what was found.
    """
    yaml_path, source = find(name_or_path, asset_dir(), "robot")
    if yaml_path.suffix in _MODELS:
        raise ConfigError(
            f"{source}: expected a robot's YAML file, which names its MJCF and what is which in "
            "it (README, Your own robot)"
        )
    document = read_yaml(yaml_path, source)
    config = validate(RobotConfig, document)
    mjcf_path = yaml_path.parent / config.mjcf
    spec, model = _compile(mjcf_path, document)
    parts = Parts(model, config.mjcf, document)
    _check_numbers(parts)
    root = _root(parts, config.root)
    joints = _joints(parts, config.joints)
    key = _home(parts, spec, config.home, joints)
    robot = Robot(
        name=config.name,
        mjcf_path=mjcf_path,
        model=model,
        joint_names=config.joints,
        root_body=int(model.jnt_bodyid[root]),
        root_qpos=_span(model.jnt_qposadr[root], 7),
        root_qvel=_span(model.jnt_dofadr[root], 6),
        qpos_ids=_fixed(model.jnt_qposadr[joints]),
        qvel_ids=_fixed(model.jnt_dofadr[joints]),
        lower=_fixed(model.jnt_range[joints, 0]),
        upper=_fixed(model.jnt_range[joints, 1]),
        kp=_fixed(model.actuator_gainprm[:, 0]),
        torque_limit=_fixed(model.actuator_forcerange[:, 1]),
        damping=_fixed(model.dof_damping[model.jnt_dofadr[joints]]),
        home_qpos=_fixed(model.key_qpos[key]),
        home_ctrl=_fixed(model.key_ctrl[key]),
        mass=float(model.body_subtreemass[model.jnt_bodyid[root]]),
        imu=_imu(parts, config.imu),
        feet=Feet(_foot(parts, config.feet.left, "left"), _foot(parts, config.feet.right, "right")),
        heading_joint=_heading_joint(parts, config),
        groups={name: _group(parts, config, name) for name in config.groups},
        servo=config.servo,
        fingerprint=_fingerprint(mjcf_path, yaml_path),
    )
    _check_imu_body(parts, robot)
    return robot


def _compile(path: Path, document: Document) -> tuple[mujoco.MjSpec, mujoco.MjModel]:
    """Read an MJCF and compile it for physics: without what is only there to look at."""
    where = f"{document.locate(('mjcf',))}: mjcf"
    if not path.is_file():
        raise ConfigError(f"{where}: no such file: {path}")
    try:
        spec = physics_spec(path)
        return spec, spec.compile()
    except (ValueError, mujoco.FatalError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error: ").removesuffix(_DISCARDED)
        raise ConfigError(f"{where}: {path} does not compile: {reason}") from None


def _home(parts: Parts, spec: mujoco.MjSpec, name: str, joints: np.ndarray) -> int:
    """Return the home keyframe, having checked that it has targets: MuJoCo fills in zeros."""
    key = parts.find("key", name, ("home",))
    if not len(spec.keys[key].ctrl):
        places = parts.model.jnt_qposadr[joints]
        angles = " ".join(f"{angle:g}" for angle in parts.model.key_qpos[key][places])
        problem = f"keyframe '{name}' in {parts.mjcf} has no ctrl, the targets that hold its pose"
        parts.fail(("home",), f'{problem}; its own angles are ctrl="{angles}"')
    return key


def _check_numbers(parts: Parts) -> None:
    """Refuse keyframes that are not numbers, and a world without weight."""
    model = parts.model
    for key in range(model.nkey):
        for values in (model.key_qpos[key], model.key_ctrl[key]):
            if not np.isfinite(values).all():
                name = model.key(key).name
                parts.fail(
                    ("home",), f"keyframe '{name}' in {parts.mjcf} has a value that is no number"
                )
    gravity = [float(value) for value in model.opt.gravity]
    if not gravity[2] < 0:
        parts.fail(("mjcf",), f"expected gravity along -z in {parts.mjcf}, got {gravity}")


def _root(parts: Parts, name: str) -> int:
    """Return the free joint of the root body."""
    model = parts.model
    body = parts.find("body", name, ("root",))
    free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    for joint in free:
        if model.jnt_bodyid[joint] == body:
            return int(joint)
    hint = suggest(name, [model.body(model.jnt_bodyid[joint]).name for joint in free])
    hint = hint if len(free) else "; give the root body a <freejoint/>"
    parts.fail(("root",), f"body '{name}' has no free joint in {parts.mjcf}{hint}")


def _joints(parts: Parts, names: tuple[str, ...]) -> np.ndarray:
    """Return the joints' indices in the model, having checked their ranges, order and servos."""
    model = parts.model
    joints = [parts.find("joint", name, ("joints", i)) for i, name in enumerate(names)]
    for i, joint in enumerate(joints):
        if model.jnt_type[joint] not in _SCALAR_JOINTS or not model.jnt_limited[joint]:
            expected = "expected a hinge or slide joint with a range"
            parts.fail(("joints", i), f"'{names[i]}' in {parts.mjcf}: {expected}")
    driven = [_driven(parts, i) for i in range(model.nu)]
    for i, (name, other) in enumerate(zip(names, driven, strict=False)):
        if name != other:
            problem = f"expected the order of the actuators in {parts.mjcf}, where actuator {i}"
            parts.fail(("joints", i), f"{problem} drives '{other}', got '{name}'")
    if len(names) != len(driven):
        listed = ", ".join(sorted(set(names) ^ set(driven)))
        parts.fail(
            ("joints",),
            f"expected one for each of the {len(driven)} actuators in {parts.mjcf}, "
            f"got {len(names)}; the difference: {listed}",
        )
    return np.array(joints)


def _driven(parts: Parts, actuator: int) -> str:
    """Return the joint that an actuator drives, having checked that it is a position servo."""
    model = parts.model
    found = lack(model, actuator)
    if found:
        name = model.actuator(actuator).name or f"number {actuator}"
        parts.fail(("joints",), f"actuator '{name}' in {parts.mjcf}: expected {SERVO}; {found}")
    return str(model.joint(model.actuator_trnid[actuator, 0]).name)


def _imu(parts: Parts, names: ImuConfig) -> Imu:
    """Return the IMU's places in sensordata."""
    site = parts.site_of("gyro", names.gyro, ("imu", "gyro"))
    where = ("imu", "accelerometer")
    if parts.site_of("accelerometer", names.accelerometer, where) != site:
        parts.fail(where, f"'{names.accelerometer}' is not at the gyro's site")
    return Imu(
        gyro=parts.sensor("gyro", names.gyro, ("imu", "gyro")),
        accelerometer=parts.sensor("accelerometer", names.accelerometer, where),
        orientation=parts.sensor("framequat", names.orientation, ("imu", "orientation"), site),
    )


def _foot(parts: Parts, names: FootConfig, side: str) -> Foot:
    """Return a foot's places in sensordata, having checked that they belong to its site."""
    path = ("feet", side)
    site = parts.find("site", names.site, (*path, "site"))
    _check_switches(parts, names, path, parts.model.site_bodyid[site])
    return Foot(
        position=parts.sensor("framepos", names.position, (*path, "position"), site),
        velocity=parts.sensor("framelinvel", names.velocity, (*path, "velocity"), site),
        up=parts.sensor("framezaxis", names.orientation, (*path, "orientation"), site),
        switches=tuple(
            parts.sensor("touch", name, (*path, "switches", i))
            for i, name in enumerate(names.switches)
        ),
    )


def _check_switches(parts: Parts, names: FootConfig, path: tuple[str, str], body: int) -> None:
    """Refuse switches of another body, and one that stands twice."""
    for i, name in enumerate(names.switches):
        here = (*path, "switches", i)
        switch = parts.site_of("touch", name, here)
        if parts.model.site_bodyid[switch] != body:
            foot = parts.model.body(body).name
            parts.fail(here, f"'{name}' is not on the foot, body '{foot}' in {parts.mjcf}")
        if name in names.switches[:i]:
            parts.fail(here, f"'{name}' stands twice")


def _heading_joint(parts: Parts, config: RobotConfig) -> int | None:
    """Return the heading joint's index among the joints."""
    if config.heading_joint is None:
        return None
    return parts.index(config.joints, config.heading_joint, ("heading_joint",))


def _check_imu_body(parts: Parts, robot: Robot) -> None:
    """Refuse an IMU that does not tell the root's lean: past any joint but the one for heading."""
    model, body = parts.model, robot.imu_body
    between: list[str] = []
    while body not in (robot.root_body, 0):
        start, count = model.body_jntadr[body], model.body_jntnum[body]
        between += [model.joint(i).name for i in range(start, start + count)]
        body = int(model.body_parentid[body])
    heading = robot.heading_joint
    expected = [] if heading is None else [robot.joint_names[heading]]
    if body == robot.root_body and between == expected:
        return
    root, carrier = model.body(robot.root_body).name, model.body(robot.imu_body).name
    wanted = "beyond heading_joint '{}' alone" if expected else "with no joint between"
    passed = " and ".join(f"'{name}'" for name in reversed(between))
    parts.fail(
        ("imu", "orientation"),
        f"expected the IMU on body '{root}' or, {wanted.format(*expected)}, on one that it "
        f"carries; it is on '{carrier}', {f'beyond {passed}' if passed else 'beyond no joint'}",
    )


def _group(parts: Parts, config: RobotConfig, name: str) -> np.ndarray:
    """Return a group's indices among the joints."""
    members = enumerate(config.groups[name])
    return _fixed([parts.index(config.joints, j, ("groups", name, i)) for i, j in members])


def _span(start: int, length: int) -> slice:
    """Return `length` places from `start`."""
    return slice(int(start), int(start) + int(length))


def _fixed(values: np.ndarray | list[int]) -> np.ndarray:
    """Return a read-only copy."""
    array = np.array(values)
    array.flags.writeable = False
    return array


def _fingerprint(mjcf: Path, yaml: Path) -> str:
    """Return the SHA-256 over the bytes of both files and of all that the MJCF refers to."""
    needed = {Path(path) for path in mujoco.mju_getXMLDependencies(str(mjcf.resolve()))}
    others = sorted(path for path in needed if path.resolve() != mjcf.resolve())
    files = (mjcf, yaml, *others)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
