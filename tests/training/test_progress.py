"""What a run says of its own future."""

import pytest

from wildrobot_cli.training.memory import peak_memory_mb
from wildrobot_cli.training.progress import FORECAST_AFTER, Clock, Schedule

STEPS, PERIOD = 1000, 0.02


def schedule(iterations: int = 1012, evaluation: int = 0, scoring: float = 0.0) -> Schedule:
    return Schedule(STEPS, iterations, PERIOD, evaluation, scoring)


def forecast(schedule: Schedule, seconds):
    clock, seen = Clock(STEPS), []
    for taken in seconds:
        clock.tick(taken)
        seen.append(schedule.progress(clock, {}).forecast)
    (told,) = [one for one in seen if one is not None]
    assert seen[FORECAST_AFTER - 1] is told
    return told


def test_the_rest_goes_on_at_the_typical_pace():
    assert forecast(schedule(), [0.5] * 20).seconds == pytest.approx(1000 * 0.5)


def test_slow_first_iterations_and_one_hiccup_do_not_count():
    taken = [30.0, 9.0, *[0.5] * 5, 7.0, *[0.5] * 12]
    assert forecast(schedule(), taken).seconds == pytest.approx(1000 * 0.5)


def test_evaluation_and_scoring_count():
    alone = forecast(schedule(), [0.5] * 12).seconds
    assert forecast(schedule(evaluation=20_000), [0.5] * 12).seconds == pytest.approx(alone + 10.0)
    # 200 scoring steps for each second, at 2000 steps a second, are a tenth.
    assert forecast(schedule(scoring=200.0), [0.5] * 12).seconds == pytest.approx(1.1 * alone)


def test_a_configuration_says_how_much_it_scores_and_evaluates(config):
    made = Schedule.of(config, config.ppo.mujoco)
    assert made.evaluation_steps == 64 * 1000
    assert made.scoring_steps_per_s == pytest.approx(32 * 400 / 60)


def test_memory_is_what_this_process_has_needed():
    assert forecast(schedule(), [0.5] * 12).memory_mb == pytest.approx(peak_memory_mb(), rel=0.1)


def test_a_large_evaluation_needs_memory():
    small, large = (forecast(schedule(evaluation=n), [0.5] * 12).memory_mb for n in (0, 4_000_000))
    assert large > small + 1000


def test_a_resumed_run_foretells_its_own_rest():
    clock = Clock(STEPS, first=500)
    for _ in range(FORECAST_AFTER):
        clock.tick(0.5)
    told = schedule().progress(clock, {}).forecast
    assert told is not None
    assert told.seconds == pytest.approx(500 * 0.5)
