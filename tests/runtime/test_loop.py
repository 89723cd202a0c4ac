"""Leading home, walking, stopping, staying stopped; and an emergency stop that nothing delays."""

import dataclasses
import json
import threading

import numpy as np
import pytest
from rigs import Rig

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.runtime.control.limits import TargetLimits
from wildrobot_cli.runtime.keys import _obey
from wildrobot_cli.runtime.log import MODES
from wildrobot_cli.runtime.session import Outcome


@pytest.fixture
def description(bundle):
    safety = dataclasses.replace(bundle.description.safety, startup_time=0.5, soft_stop_time=0.2)
    return dataclasses.replace(bundle.description, safety=safety)


@pytest.fixture
def rig(description, tmp_path):
    return Rig(description, tmp_path / "log")


def modes(rig) -> list[str]:
    numbers = rig.log.columns()["mode"]
    return [MODES[n] for n in numbers[np.r_[True, np.diff(numbers) != 0]]]


def test_robot_is_led_home_smoothly_and_then_walks(rig):
    rig.robot._angles = rig.description.joints.home_position + 0.3
    rig.run(40)
    assert modes(rig) == ["starting", "walking", "stopping", "stopped"]
    written = np.stack(rig.written.targets)[:26]
    home = rig.description.joints.home_target
    np.testing.assert_allclose(written[-1], home, atol=1e-6)
    speed = np.abs(np.diff(written, axis=0)).max() / rig.description.control_period
    assert speed < 1.6 * 0.35 / 0.5
    assert rig.written.unsafe == []


def turning(description, speed):
    """A fault by which every joint turns at a speed around its home, from a tick on [rad/s]."""
    started = []

    def fault(sensors):
        started.append(sensors.tick)
        turned = speed * description.control_period * (sensors.tick - started[0])
        return sensors._replace(encoders=description.joints.home_position + turned)

    return fault


def test_soft_stop_brakes_the_joints_by_their_speed_and_then_lets_go(rig, description):
    speed = np.linspace(-1.0, 1.0, 11)
    rig.plan[30] = lambda: setattr(rig.robot, "fault", turning(description, speed))
    rig.plan[34] = lambda: rig.loop.stop("hand", "by key")
    rig.run(60)
    columns = rig.log.columns()
    stopping = np.flatnonzero(columns["mode"] == MODES.index("stopping"))
    assert len(stopping) == pytest.approx(0.2 / 0.02, abs=1)
    brake = (columns["encoders"] - columns["targets"])[stopping]
    wanted = description.safety.soft_stop_damping / description.joints.kp * speed
    inside = (columns["targets"] > description.joints.lower + 1e-6)[stopping]
    inside &= (columns["targets"] < description.joints.upper - 1e-6)[stopping]
    assert inside.mean() > 0.8
    np.testing.assert_allclose(brake[inside], np.tile(wanted, (len(brake), 1))[inside], atol=1e-4)
    assert not rig.written.torque


def test_soft_stop_brakes_joints_that_are_read_in_turns(description, tmp_path):
    rig, counts = Rig(description, tmp_path, bus=True), 4
    speed = np.radians(0.24) * counts / description.control_period

    def turn():
        for servo in rig.bus.ids:
            rig.bus.positions[servo] = 500 + counts * (rig.steps - 36)

    for step in range(30, 50):
        rig.plan[step] = turn
    rig.plan[36] = lambda: (turn(), rig.loop.stop("hand", "by key"))
    rig.run(60)
    columns = rig.log.columns()
    stopping = np.flatnonzero(columns["mode"] == MODES.index("stopping"))[:6]
    brake = (columns["encoders"] - columns["targets"])[stopping]
    wanted = description.safety.soft_stop_damping / description.joints.kp * speed
    free = (columns["targets"] > description.joints.lower + 1e-6)[stopping]
    assert free.mean() > 0.8
    assert (brake[free] > 0.5 * np.tile(wanted, (6, 1))[free]).all()
    assert (brake[free] < 1.5 * np.tile(wanted, (6, 1))[free]).all()


def test_soft_stop_brakes_the_other_joints_when_one_encoder_gives_rubbish(rig, description):
    honest = turning(description, np.full(11, 0.5))

    def rubbish(sensors):
        sensors = honest(sensors)
        if rig.steps >= 34:
            sensors.encoders[7] = np.nan
        return sensors

    rig.plan[30] = lambda: setattr(rig.robot, "fault", rubbish)
    rig.run(60)
    assert rig.trips == ["sensor"]
    columns = rig.log.columns()
    stopping = np.flatnonzero(columns["mode"] == MODES.index("stopping"))
    brake = (columns["encoders"] - columns["targets"])[stopping, 3]
    wanted = description.safety.soft_stop_damping / description.joints.kp[3] * 0.5
    np.testing.assert_allclose(brake, wanted, atol=1e-4)
    assert np.ptp(columns["targets"][stopping, 7]) < 1e-6, "it stays where it was last known"
    assert rig.written.unsafe == []


def test_after_a_stop_only_a_reset_by_hand_begins_anew(rig):
    rig.plan[30] = lambda: rig.loop.stop("hand", "by key")
    rig.plan[60] = lambda: None
    rig.plan[80] = rig.loop.reset
    rig.run(130)
    assert modes(rig)[:5] == ["starting", "walking", "stopping", "stopped", "starting"]
    causes = [event.cause for event in rig.supervisor.events]
    assert causes[:5] == ["walking", "hand", "stopped", "reset", "walking"]
    stopped = rig.log.columns()["mode"] == MODES.index("stopped")
    assert stopped[45:80].all()
    assert np.isnan(rig.log.columns()["targets"][stopped]).all()


def test_a_reset_while_walking_does_nothing(rig):
    rig.plan[35] = rig.loop.reset
    rig.run(40)
    assert modes(rig) == ["starting", "walking", "stopping", "stopped"]


def test_emergency_stop_takes_the_torque_off_before_the_loop_does_anything(rig):
    seen = []

    def press():
        rig.loop.emergency("button")
        seen.append((rig.written.torque, len(rig.written.targets)))

    rig.plan[30] = press
    rig.run(40)
    assert seen == [(False, 30)]
    assert len(rig.written.targets) == 30
    assert modes(rig) == ["starting", "walking", "stopped"]
    assert ("emergency", "button") in [(e.cause, e.detail) for e in rig.supervisor.events]


def test_emergency_stop_has_the_last_word_over_a_write_in_progress(rig):
    honest = rig.robot.write

    def slow_write(targets):
        if rig.steps == 30:
            rig.loop.emergency("button")
        honest(targets)

    rig.robot.write = slow_write
    rig.run(40)
    assert not rig.written.torque
    assert len(rig.written.targets) == 31


@pytest.mark.parametrize("order", [("reset", "emergency"), ("emergency", "reset")])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_reset_within_the_same_control_step_does_not_undo_an_emergency(rig, order, stopped):
    def press():
        for key in order:
            rig.loop.emergency("button") if key == "emergency" else rig.loop.reset()

    if stopped:
        rig.plan[30] = lambda: rig.loop.stop("hand", "by key")
    rig.plan[60] = press
    rig.run(100)
    after = rig.log.columns()["mode"][60:]
    assert (after == MODES.index("stopped")).all()
    assert not rig.written.torque


@pytest.mark.parametrize("keys", ["rs", "sr", "rq", "qr"])
def test_a_stop_within_the_same_control_step_as_a_reset_has_the_last_word(rig, keys):
    def press():
        for key in keys:
            _obey(rig.loop, key)

    rig.plan[30] = lambda: rig.loop.stop("hand", "by key")
    rig.plan[60] = press
    rig.run(100)
    assert "walking" not in modes(rig)[3:]
    assert not rig.written.torque


@pytest.mark.parametrize("cause", ["done", "hand"])
def test_an_emergency_within_a_wanted_stop_is_why_the_robot_stopped(rig, cause):
    rig.plan[30] = lambda: rig.loop.stop(cause, "wanted")
    rig.plan[34] = lambda: rig.loop.emergency("button")
    rig.run(50)
    assert rig.supervisor.trip.cause == "emergency"
    assert not Outcome(rig.log.folder, rig.supervisor.trip, None).passed


def test_seconds_are_those_of_walking_and_not_of_standing_stopped(rig):
    period = rig.description.control_period
    rig.plan[40] = lambda: rig.loop.stop("hand", "by key")
    rig.plan[90] = rig.loop.reset
    rig._until = 10**6
    rig.loop.run(seconds=40 * period, stay=True)
    walking = rig.log.columns()["mode"] == MODES.index("walking")
    assert walking.sum() == 40


def test_a_reset_ends_the_emergency_it_was_asked_after(rig):
    rig.plan[30] = lambda: rig.loop.emergency("button")
    rig.plan[40] = rig.loop.reset
    rig.plan[60] = lambda: rig.loop.emergency("button")
    rig.run(80)
    assert modes(rig) == ["starting", "walking", "stopped", "starting", "stopped"]
    assert len(rig.written.targets) == 30 + 20


def test_emergency_stop_works_while_the_loop_hangs(rig):
    entered, go_on = threading.Event(), threading.Event()
    honest = rig.robot.read

    def hang(timeout):
        if rig.steps == 30:
            entered.set()
            assert go_on.wait(10)
        return honest(timeout)

    rig.robot.read = hang
    thread = threading.Thread(target=rig.run, args=(40,))
    thread.start()
    assert entered.wait(10)
    assert rig.written.torque
    rig.loop.emergency("button")
    assert not rig.written.torque
    go_on.set()
    thread.join(10)
    assert not rig.written.torque
    assert len(rig.written.targets) == 30


def test_a_robot_that_gives_nothing_is_not_waited_for_without_end(rig):
    rig.robot.fault = lambda _: None
    with pytest.raises(EnvironmentUnavailable, match="does not give all its sensor readings"):
        rig.run(40)
    assert rig.written.targets == []


@pytest.mark.parametrize(
    ("servo", "imu", "never"),
    [
        (3, False, r"never heard: servo 3 \(left_hip_roll\)$"),
        (None, True, r"never heard: the IMU$"),
        (1, True, r"never heard: servo 1 \(waist_yaw\), the IMU$"),
    ],
)
def test_what_was_never_heard_is_named(bundle, tmp_path, servo, imu, never):
    rig = Rig(bundle.description, tmp_path, bus=True)
    rig.bus.fault = lambda asked, answer: b"" if asked == servo else answer
    if imu:
        rig.imu.fault = lambda reading: None
    with pytest.raises(EnvironmentUnavailable, match=never):
        rig.run(40)
    assert rig.written.targets == []


def test_servos_lose_their_torque_when_the_loop_breaks(rig):
    def broken(*row):
        raise ZeroDivisionError

    rig.log.add = broken
    with pytest.raises(ZeroDivisionError):
        rig.run(40)
    assert not rig.written.torque


@pytest.mark.parametrize("who", ["hand", "watchdog"])
def test_a_stop_before_the_first_target_puts_no_servo_under_torque(rig, who):
    if who == "hand":
        rig.loop.stop("hand", "by key")
    else:
        lying = np.array([0.7, 0.7, 0.0, 0.0])
        rig.robot.fault = lambda sensors: sensors._replace(orientation=lying)
    rig.run(20)
    assert rig.written.targets == []
    assert rig.supervisor.mode == "stopped"
    causes = [event.cause for event in rig.supervisor.events]
    assert causes == ["hand" if who == "hand" else "tilt", "stopped"]


def test_nobody_waits_for_a_robot_that_is_not_wanted_any_more(rig):
    rig.robot.fault = lambda _: None
    rig.loop.quit()
    rig.run(20)
    assert rig.robot.tick == 0
    assert rig.written.targets == []


def test_a_program_suspended_between_reading_and_writing_writes_nothing(rig):
    decide, written = rig.supervisor.step, []

    def suspended(*readings):
        order = decide(*readings)
        if rig.steps == 30 and not written:
            written.append(len(rig.written.targets))
            rig.clock.sleep(5.0)
        return order

    rig.supervisor.step = suspended
    rig.run(40)
    assert len(rig.written.targets) == written[0]
    assert not rig.written.torque
    assert rig.trips == ["emergency"]


def test_events_are_on_disk_with_cause_and_time(rig):
    rig.plan[30] = lambda: setattr(rig.robot, "fault", lambda _: None)
    rig.run(40)
    rig.log.flush(rig.supervisor.events)
    lines = (rig.log.folder / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["cause"] for event in events] == ["walking", "missing", "stopped"]
    assert events[1]["time"] == pytest.approx(31 * 0.02, abs=0.04)
    assert "2 control periods" in events[1]["detail"]


def test_targets_within_the_limits_pass_to_the_bit(description):
    limits, rng = TargetLimits(description), np.random.default_rng(0)
    home = description.joints.home_target.astype(np.float32)
    targets = home + rng.uniform(-0.1, 0.1, home.shape).astype(np.float32)
    np.testing.assert_array_equal(limits(targets, home, home), targets)


def test_reach_and_speed_of_targets_are_held(description):
    limits, joints = TargetLimits(description), description.joints
    home = joints.home_target.astype(np.float32)
    far = limits(home + 9, None, home)
    reach = description.safety.torque_reach * joints.torque_limit / joints.kp
    np.testing.assert_allclose(far, np.minimum(home + reach, joints.upper), atol=1e-6)
    slow = dataclasses.replace(description.safety, target_rate=1.0)
    limits = TargetLimits(dataclasses.replace(description, safety=slow))
    np.testing.assert_allclose(limits(home + 9, home, home), home + 0.02, atol=1e-6)


def test_a_stalled_joint_stops_the_robot(description, tmp_path):
    targets = description.joints.home_target.astype(np.float32)
    targets[3] += 0.4
    rig = Rig(description, tmp_path / "log", lambda o: (targets, np.zeros(11, np.float32)))
    held = description.joints.home_position.copy()
    rig.robot.fault = lambda s: s._replace(encoders=held)
    rig.run(120)
    assert rig.trips == ["torque"]
    assert rig.tripped_at() == pytest.approx(26 + 1.0 / 0.02, abs=3)
