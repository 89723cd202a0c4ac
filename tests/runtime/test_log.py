"""A log outlives a power cut up to its last second, and is never mixed with another one."""

import threading

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime import log as logs
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.supervisor import Event, Mode, Order
from wildrobot_cli.runtime.log import RunLog, is_log, log_folder, read_events, read_log

JOINTS = 11


@pytest.fixture
def log(bundle, tmp_path):
    return RunLog(tmp_path / "log", bundle.description)


def row(tick):
    """Sensors and an order that say which control step they are of."""
    each = np.full(JOINTS, tick, np.float32)
    imu = np.full(3, tick), np.full(4, tick)
    sensors = Sensors(*imu, each, np.full(JOINTS, tick), tick, np.zeros(JOINTS, int), tick)
    return sensors, Order(each, each, np.full(3, float(tick)), Mode.WALKING)


def fill(log, count):
    for tick in range(count):
        log.add(0.02 * tick, 0.0, 1e-4, *row(tick))


def assert_rows(columns, count):
    assert columns["tick"].tolist() == list(range(count))
    for name in ("encoders", "targets", "action", "gyro", "orientation", "command"):
        assert (columns[name] == np.arange(count)[:, None]).all(), name


def test_a_saved_log_holds_every_row_and_its_description(log, bundle):
    fill(log, 70)
    log.save()
    columns, document = read_log(log.folder)
    assert_rows(columns, 70)
    assert document == bundle.description.document
    assert [path.name for path in log.folder.iterdir()] == ["log.npz"]


def test_what_was_flushed_is_read_after_a_power_cut(log, bundle, monkeypatch):
    monkeypatch.setattr(logs, "SYNC", 0.0)
    fill(log, 50)
    log.flush([Event(0.0, "walking", "")])
    log.add(9.9, 0.0, 0.0, *row(50))  # came after the last flush: lost
    with (log.folder / "rows.bin").open("ab") as file:
        file.write(b"torn")
    with (log.folder / "events.jsonl").open("a") as file:
        file.write('{"time": 1.0, "cau')
    assert is_log(log.folder)
    columns, document = read_log(log.folder)
    assert_rows(columns, 50)
    assert document == bundle.description.document
    assert [event["cause"] for event in read_events(log.folder)] == ["walking"]


def test_rows_are_handed_over_each_second_and_not_more_often(log, monkeypatch):
    now, synced = [100.0], []
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(logs.os, "fsync", lambda _: synced.append(now[0]))
    for _ in range(50):
        fill(log, 2)
        log.flush([])
        now[0] += 0.1
    assert len(synced) == pytest.approx(5, abs=1)
    assert len(log._fresh) < 2 * 11


def test_rows_that_come_while_others_are_written_are_not_lost(log, monkeypatch):
    monkeypatch.setattr(logs, "SYNC", 0.0)
    writer = threading.Thread(target=fill, args=(log, 3000))
    writer.start()
    while writer.is_alive():
        log.flush([])
    log.save()
    assert_rows(read_log(log.folder)[0], 3000)


def test_a_disk_that_refuses_for_a_while_loses_and_tears_no_row(log, monkeypatch):
    monkeypatch.setattr(logs, "SYNC", 0.0)
    fill(log, 3)
    log.flush([])
    sensors, order = row(3)
    log.add(0.06, 0.0, 1e-4, sensors, order)
    with monkeypatch.context() as patch, pytest.raises(EnvironmentUnavailable, match="No space"):
        patch.setattr(logs.os, "fsync", refuse)
        log.flush([])
    with (log.folder / "rows.bin").open("ab") as file:
        file.write(b"half a row")
    log.save()
    assert_rows(read_log(log.folder)[0], 4)


def test_an_event_that_a_full_disk_cut_off_is_written_whole_later(log):
    events = [Event(0.1, "walking", "first"), Event(0.2, "hand", "by key")]
    log.flush(events[:1])
    with (log.folder / logs.EVENTS).open("a") as file:
        file.write('{"time": 0.2, "ca')
    log.flush(events)
    assert [event["cause"] for event in read_events(log.folder)] == ["walking", "hand"]


def test_a_folder_that_leads_nowhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "robot-logs").symlink_to("not-mounted")
    with (
        pytest.raises(EnvironmentUnavailable, match="robot-logs: not a folder"),
        log_folder(None, tmp_path / "bundle"),
    ):
        raise AssertionError


def test_rows_that_somebody_else_removed_are_named(log):
    fill(log, 3)
    log.flush([])
    (log.folder / "rows.bin").unlink()
    fill(log, 3)
    with pytest.raises(EnvironmentUnavailable, match=r"rows\.bin: cannot write: somebody else"):
        log.save()


def refuse(_):
    raise OSError(28, "No space left on device")


def test_a_step_without_sensors_and_targets_is_a_row_of_nan(log):
    log.add(0.0, 0.0, 0.0, None, Order(None, None, np.zeros(3), Mode.STOPPED))
    columns = log.columns()
    assert columns["tick"] == [-1]
    for name in ("gyro", "orientation", "encoders", "targets", "action"):
        assert np.isnan(columns[name]).all(), name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.npz", b"rubbish"),
        ("policy.json", b"{"),
        ("policy.json", b"[]"),
        ("policy.json", b'{"joints": 3}'),
    ],
)
def test_a_damaged_log_is_refused(log, name, content):
    fill(log, 3)
    log.flush([])
    (log.folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match="not a readable log"):
        read_log(log.folder)


def test_two_runs_in_one_second_have_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs.time, "strftime", lambda _: "20260101-120000")
    zipped = tmp_path / "b.zip"
    with log_folder(None, zipped) as first, log_folder(None, zipped) as second:
        (first / "a").touch()
        (second / "b").touch()
    assert [first.name, second.name] == ["20260101-120000", "20260101-120000-2"]
    assert (first / "a").is_file()
    assert (second / "b").is_file()


def test_a_run_that_was_refused_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError), log_folder(None, tmp_path / "b.zip"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_written_into(tmp_path):
    (tmp_path / "log").mkdir()
    with (
        pytest.raises(ConfigError, match="exists already"),
        log_folder(tmp_path / "log", tmp_path / "b.zip"),
    ):
        pass
    assert (tmp_path / "log").is_dir()


@pytest.mark.parametrize("asked", [None, "log", "deep/log"])
def test_a_log_does_not_go_into_the_bundle(tmp_path, monkeypatch, asked):
    (tmp_path / "walker").mkdir()
    monkeypatch.chdir(tmp_path / "walker")
    where = None if asked is None else logs.Path(asked)
    with (
        pytest.raises(ConfigError, match="lies inside the bundle"),
        log_folder(where, logs.Path(".")),
    ):
        pass
    assert list((tmp_path / "walker").iterdir()) == []
