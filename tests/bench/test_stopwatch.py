"""Turns hold work alone: neither what prepares it, nor the waiting between turns."""

import pytest

from wildrobot_cli.bench import stopwatch
from wildrobot_cli.bench.stopwatch import Finished, Stopwatch, turns

STEPS = 100


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopwatch.time, "perf_counter", clock)
    return clock


def program(clock: Clock, *, preparation: float, piece: float):
    def run(watch: Stopwatch) -> None:
        watch._begin = clock.now
        clock.now += preparation
        while True:
            clock.now += piece
            watch.done(STEPS)

    return run


def test_speed_is_that_of_the_work_alone(clock):
    preparation, speeds = turns(program(clock, preparation=30.0, piece=0.25), 3)
    assert preparation == pytest.approx(30.0)
    assert speeds == pytest.approx([STEPS / 0.25] * 3)


def test_a_turn_lasts_as_long_as_it_must(clock):
    begins = []

    def on_turn(_speed: float) -> None:
        begins.append(clock.now)
        if len(begins) == 2:
            raise Finished

    with pytest.raises(Finished):
        program(clock, preparation=0.0, piece=0.3)(Stopwatch(lambda _: None, on_turn))
    first, second = begins
    assert second - first == pytest.approx(4 * 0.3)
    assert second - first >= stopwatch.TURN


def test_waiting_for_a_turn_is_not_timed(clock):
    seen = []

    def wait(speed: float) -> None:
        seen.append(speed)
        clock.now += 1000.0
        if len(seen) == 2:
            raise Finished

    with pytest.raises(Finished):
        program(clock, preparation=0.0, piece=0.5)(Stopwatch(lambda _: None, wait))
    assert seen == pytest.approx([STEPS / 0.5] * 2)


def test_a_program_may_time_itself(clock):
    def run(watch: Stopwatch) -> None:
        watch.done(STEPS)
        watch.done(STEPS)
        while True:
            watch.report(1234.0)

    assert turns(run, 2)[1] == [1234.0, 1234.0]


def test_an_error_of_the_program_is_not_swallowed(clock):
    def run(_: Stopwatch) -> None:
        raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"):
        turns(run, 1)
