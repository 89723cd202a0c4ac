"""metrics.jsonl, TensorBoard and Weights & Biases tell the same, without gaps or repeats."""

import json
import math
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import pytest

from wildrobot_cli import resume, train
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.histograms import Bins, histogram, shares
from wildrobot_cli.training.metrics_log import MetricsLog
from wildrobot_cli.training.run_folder import RunFolder


def lines(run: RunFolder) -> list[dict]:
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


def events(run: RunFolder) -> Iterator[Any]:
    """What is in the TensorBoard files, in the order of writing."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(run.tensorboard.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += length + 16
            if event.summary.value:
                yield event


def board(run: RunFolder) -> list[tuple[int, float, dict[str, float]]]:
    """Steps, wall times and scalars in the TensorBoard files, in the order of writing."""
    return [
        (event.step, event.wall_time, {v.tag: v.simple_value for v in event.summary.value})
        for event in events(run)
    ]


def spreads(run: RunFolder) -> dict[str, Any]:
    """The last event's histograms, by their names."""
    *_, last = events(run)
    return {v.tag: v.histo for v in last.summary.value if v.HasField("histo")}


def records(path) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def curves(run: RunFolder) -> list[tuple[int, dict]]:
    """Steps and values in the files that Weights & Biases uploads, in the order of writing."""
    sys.modules["wandb"].teardown()  # waits until its own process has written everything
    from wandb.proto.wandb_internal_pb2 import Record

    rows = []
    for path in sorted(
        run.path.glob("wandb/offline-run-*/*.wandb"), key=lambda p: p.stat().st_mtime
    ):
        for data in records(path):
            record = Record.FromString(data)
            if record.WhichOneof("record_type") == "history":
                items = {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json)
                    for item in record.history.item
                }
                rows.append((record.history.step.num, items))
    return rows


def crash(run: RunFolder, at: int) -> None:
    """Leave what a kill in the iteration after `at` + 40 leaves: a checkpoint fewer than lines."""
    for path in list_checkpoints(run.checkpoints):
        if int(path.name) > at:
            path.rename(path.with_name(f".writing-{path.name}"))
    run.metrics_file.write_text(
        "".join(f"{json.dumps(line)}\n" for line in lines(run) if line["env_steps"] <= at + 40)
        + '{"env_st'
    )


@pytest.fixture
def saves_often(tiny_config):
    settings = tiny_config.checkpoints.model_copy(update={"every_iterations": 1})
    return tiny_config.model_copy(update={"checkpoints": settings})


def test_tensorboard_holds_every_line_once(run):
    assert [step for step, _, _ in board(run)] == [40, 80, 120]
    for line, (step, wall_time, scalars) in zip(lines(run), board(run), strict=True):
        assert (line.pop("env_steps"), line.pop("time")) == (step, wall_time)
        assert scalars == pytest.approx({k: v for k, v in line.items() if v is not None})


def test_what_is_not_finite_is_null_and_has_no_event(run):
    assert lines(run)[0]["episode/length"] is None
    assert "episode/length" not in board(run)[0][2]


def test_a_resumed_run_continues_the_board_without_repeats(saves_often, tmp_path):
    train(saves_often, tmp_path, "run")
    run = RunFolder(tmp_path / "run")
    first = lines(run)[0]
    crash(run, at=40)
    resume(run)
    assert [line["env_steps"] for line in lines(run)] == [40, 80, 120]
    assert [step for step, _, _ in board(run)] == [40, 80, 120]
    assert lines(run)[0] == first
    assert board(run)[0][1] == first["time"]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    wandb.teardown()
    yield wandb
    wandb.teardown()


def test_wandb_holds_what_the_metrics_hold(saves_often, tmp_path, offline):
    train(saves_often, tmp_path, "run", wandb=True)
    run = RunFolder(tmp_path / "run")
    assert [step for step, _ in curves(run)] == [40, 80, 120]
    for line, (_, values) in zip(lines(run), curves(run), strict=True):
        assert {k: values[k] for k in line if k in values} == {
            k: v for k, v in line.items() if v is not None and k != "env_steps"
        }


def test_a_resumed_run_continues_its_curves_without_gaps_or_repeats(saves_often, tmp_path, offline):
    train(saves_often, tmp_path, "run", max_minutes=1e-9, wandb=True)
    run = RunFolder(tmp_path / "run")
    identity = run.wandb_file.read_text()

    def stop_at_80(progress) -> None:
        if progress.env_steps == 80:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        resume(run, stop_at_80)
    deadline = time.monotonic() + 30  # W&B's own process writes the file
    while len(curves(run)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [step for step, _ in curves(run)] == [40, 80]
    crash(run, at=40)
    resume(run)
    assert [step for step, _ in curves(run)] == [40, 80, 120]
    assert run.wandb_file.read_text() == identity


def test_a_run_that_turns_to_wandb_later_brings_its_past(run, offline):
    before = lines(run)
    resume(run, wandb=True)
    assert [step for step, _ in curves(run)] == [line["env_steps"] for line in before]


def test_no_wandb_keeps_a_resumed_run_from_it(saves_often, tmp_path, offline):
    train(saves_often, tmp_path, "run", max_minutes=1e-9, wandb=True)
    run = RunFolder(tmp_path / "run")
    resume(run, wandb=False)
    assert curves(run) == []
    assert len(lines(run)) == 3


def test_without_wandb_there_is_no_trace_of_it(run):
    assert not run.wandb_file.exists()
    assert not (run.path / "wandb").exists()


def test_a_missing_wandb_says_what_to_install(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(EnvironmentUnavailable) as error:
        train(tiny_config, tmp_path / "runs", "run", wandb=True)
    assert str(error.value) == "--wandb needs Weights & Biases: pip install 'wildrobot[wandb]'"
    assert not (tmp_path / "runs").exists()


def test_wandb_without_an_account_says_what_to_do(tiny_config, tmp_path, offline, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(EnvironmentUnavailable, match="wandb login"):
        train(tiny_config, tmp_path / "runs", "run", wandb=True)
    assert not (tmp_path / "runs").exists()


def test_metrics_are_numbers_or_null(run):
    for line in lines(run):
        assert all(value is None or math.isfinite(value) for value in line.values())


def test_histograms_reach_all_three_and_outlive_a_resume(run, tmp_path, offline):
    """1/4 below 0.1 m/s, 3/4 above 0.2 m/s; the last bins take what is beyond them."""
    shutil.copytree(run.path, tmp_path / "run")
    copy = RunFolder(tmp_path / "run")
    bins = Bins(0.0, 0.3, 3)
    spread = histogram(bins, shares(jnp.array([-1.0, 0.21, 0.25, 9.0]), bins))
    assert spread == {"low": 0.0, "high": 0.3, "shares": [0.25, 0.0, 0.75]}
    with MetricsLog(copy, 0, wandb=False) as log:
        log.write(40, {"fall": 0.0}, {"amp/speed_fresh": spread})
    with MetricsLog(copy, 40, wandb=True) as log:
        log.write(80, {"fall": 0.0}, {"amp/speed_fresh": spread})
    assert lines(copy)[-1]["amp/speed_fresh"] == spread
    kept = spreads(copy)["amp/speed_fresh"]
    assert list(kept.bucket_limit) == pytest.approx([0.1, 0.2, 0.3])
    assert list(kept.bucket) == [0.25, 0.0, 0.75]
    assert [values["amp/speed_fresh/values"] for _, values in curves(copy)] == 2 * [
        [0.25, 0.0, 0.75]
    ]
