"""A description is read to the last bit, or refused by the key that is wrong."""

import json

import numpy as np
import pytest
from forging import refused, sign

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.bundle import open_bundle
from wildrobot_cli.runtime.bundles.parsing import parse
from wildrobot_cli.runtime.bundles.policy import load


def rewrite(folder, change) -> None:
    """Change `policy.json` and make the checksums fit again."""
    document = json.loads((folder / "policy.json").read_text())
    change(document)
    (folder / "policy.json").write_text(json.dumps(document))
    sign(folder)


def test_numbers_survive_the_description_exactly(bundle, robot):
    description = parse(json.loads(bundle.files["policy.json"]))
    np.testing.assert_array_equal(description.joints.lower, robot.lower)
    np.testing.assert_array_equal(description.joints.home_target, robot.home_ctrl)
    assert description.encoder_resolution == robot.servo.encoder_resolution


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema_version=1), "schema_version: expected 3, got 1; export the run"),
        (lambda d: d.pop("control_period"), "control_period: missing"),
        (
            lambda d: d.update(control_period=0),
            "control_period: expected a number in 0.001 .. 0.1, got '0'",
        ),
        (lambda d: d.update(heading_joint="waist_jaw"), "did you mean 'waist_yaw'?"),
        (lambda d: d["joints"]["names"].pop(), "joints.home_position: expected a list of 10"),
        (lambda d: d["joints"]["lower"].__setitem__(3, 1.5), "for joint 'left_knee_pitch'"),
        (lambda d: d["observation"][0].update(name="giro"), "no term 'giro'; did you mean 'gyro'?"),
        (
            lambda d: d["observation"].insert(1, d["observation"][0]),
            "observation[1]: term 'gyro' stands twice",
        ),
        (
            lambda d: d["observation"][1].update(slice=[3, 7]),
            "[1].slice: expected [3, 6]",
        ),
        (
            lambda d: d["observation"][0].update(history=2),
            "[0].slice: expected [0, 9]",
        ),
        (lambda d: d["clock"].update(speeds=[]), "clock.frequencies: expected a list of 0"),
        (lambda d: d["clock"].update(frequencies=[0]), "clock.frequencies[0]: expected a number"),
        (lambda d: d["joints"]["upper"].__setitem__(3, 0), "lower: expected less than upper, 0.0"),
        (lambda d: d["safety"].update(target_rate=1.0), "target_rate: expected 7.5 or more"),
        (lambda d: d["training"].pop("env_steps"), "training.env_steps: missing"),
        (lambda d: d["joints"]["names"].__setitem__(0, "a\x1b[2J"), "names: expected a list of"),
        (lambda d: d["safety"].pop("tilt_limit"), "safety.tilt_limit: missing"),
        (lambda d: d["commands"].update(lowest=[9, 0, 0]), "nothing above highest"),
        (lambda d: d["model"].update(file="../x.onnx"), "model.file: expected a plain file name"),
        (
            lambda d: d["model"].update(file="x.onnx"),
            "x.onnx: missing, though policy.json",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_refused_by_key(folder, change, message):
    rewrite(folder, change)
    assert message in refused(open_bundle, folder)


WILD = [-1e9, 1e9, 10**400, float("nan"), float("inf"), True, "1", None]


def leaf(document, path):
    """The mapping or list that holds a number, and its key there."""
    *way, last = path
    for key in way:
        document = document[key]
    return document, last


def numbers(document, path=()):
    """Paths of all numbers that a robot obeys; of a list, the first."""
    for key, value in document.items() if isinstance(document, dict) else [(0, document[0])]:
        if key in ("evaluation", "versions", "slice", "outputs"):
            continue
        if isinstance(value, dict) or (isinstance(value, list) and not isinstance(value[0], str)):
            yield from numbers(value, (*path, key))
        elif isinstance(value, int | float):
            yield (*path, key)


def test_no_number_is_taken_from_beyond_all_bounds(bundle):
    text = bundle.files["policy.json"]
    paths = list(numbers(json.loads(text)))
    assert len(paths) > 30
    for path in paths:
        for wild in WILD:
            document = json.loads(text)
            holder, key = leaf(document, path)
            holder[key] = wild
            with pytest.raises(ConfigError, match=str(path[-1] if path[-1] else path[-2])):
                parse(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("joints", "kp", 3), 0.0),
        (("joints", "kp", 3), -21.1),
        (("joints", "torque_limit", 0), 1e9),
        (("action_scale",), 100),
        (("control_period",), 1e-9),
        (("safety", "tilt_limit"), 100),
        (("safety", "missed_readings"), 10**9),
        (("safety", "missed_readings"), 0),
        (("safety", "startup_time"), 1e-9),
        (("commands", "ramp", 1), -1),
        (("joints", "damping", 2), -0.1),
    ],
)
def test_a_number_that_no_robot_has_is_refused_by_key(folder, path, value):
    def change(document):
        holder, key = leaf(document, path)
        holder[key] = value

    rewrite(folder, change)
    key = ".".join(map(str, path)).replace(".0", "[0]").replace(".3", "[3]")
    said = refused(open_bundle, folder)
    assert said.startswith(f"{folder}: policy.json: {'.'.join(map(str, path[:2]))}"), key
    assert " number in " in said


def test_a_description_that_is_not_the_models_own_is_refused_by_key(folder):
    rewrite(folder, lambda d: d["joints"]["kp"].__setitem__(3, 21.2))
    with pytest.raises(ConfigError, match=r"metadata and policy\.json differ in joints\.kp"):
        load(open_bundle(folder))
    with pytest.raises(ConfigError, match=r"policy_int8\.onnx: its metadata and policy\.json"):
        load(open_bundle(folder), quantized=True)
