"""Measuring processes take turns, keep their memory apart, and fail with a reason."""

import textwrap

import pytest

from wildrobot_cli.bench import fleet
from wildrobot_cli.bench.fleet import MeasuringFailed, Subject, Worker, measure
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable


@pytest.fixture
def script(tmp_path):
    """A measuring process made of a few lines."""

    def make(body: str, name: str = "program.py"):
        path = tmp_path / name
        path.write_text("import json, sys\n" + textwrap.dedent(body))
        return [str(path)]

    return make


ANSWERS = """
    def answer(**figures):
        print(json.dumps({**figures, "peak_memory_mb": 1}), flush=True)
        if not sys.stdin.readline():
            sys.exit()
"""


def test_programs_take_turns(script, tmp_path, monkeypatch, config):
    log = tmp_path / "log"
    body = f"""{ANSWERS}
    answer(compile_s=2)
    while True:
        open({str(log)!r}, "a").write(sys.argv[2] + " ")
        answer(speed=int(sys.argv[2]))
    """
    program = script(body)
    monkeypatch.setattr(fleet, "_start", lambda s, _: Worker(program, s.config, s.num_envs))
    subjects = [Subject("env", None, number, config) for number in (1, 2, 3)]
    rows = measure(subjects, 2, lambda _: None)
    assert log.read_text().split() == ["1", "2", "3", "1", "2", "3"]
    assert [row.turns for row in rows] == [(1, 1), (2, 2), (3, 3)]
    assert [row.compile_s for row in rows] == [2, 2, 2]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("print('a: b is wrong', file=sys.stderr); sys.exit(2)", ConfigError, "^a: b is wrong$"),
        ("print('no GPU', file=sys.stderr); sys.exit(3)", EnvironmentUnavailable, "^no GPU$"),
        ("raise ValueError('it broke')", MeasuringFailed, "failed: ValueError: it broke$"),
        (
            "print('XlaRuntimeError: full\\n---\\nJAX has removed', file=sys.stderr); sys.exit(1)",
            MeasuringFailed,
            "failed: XlaRuntimeError: full$",
        ),
        ("sys.exit(1)", MeasuringFailed, "ended with code 1"),
        ("import os; os.kill(os.getpid(), 9)", MeasuringFailed, "enough memory"),
    ],
)
def test_a_process_that_fails_says_why(script, config, body, error, message):
    with Worker(script(body), config, 8) as worker, pytest.raises(error, match=message):
        worker.answer()


def test_a_process_that_dies_between_turns_is_no_broken_pipe(script, config):
    body = 'print(json.dumps({"compile_s": 1}), flush=True)'
    with Worker(script(body), config, 8) as worker:
        worker.answer()
        worker._process.wait()
        with pytest.raises(MeasuringFailed, match="ended with code 0"):
            worker.turn()


def test_it_is_given_the_configuration_and_the_number_of_environments(script, config):
    body = """
    from wildrobot_cli.config.schema import Config
    settings = Config.from_file(sys.argv[1])
    print(json.dumps({"steps": settings.ppo.steps, "envs": int(sys.argv[2])}), flush=True)
    """
    with Worker(script(body), config, 37) as worker:
        assert worker.answer() == {"steps": config.ppo.steps, "envs": 37}


def test_memory_of_a_process_is_not_its_parents(script, config):
    ballast = bytearray(300 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    body = """
    from wildrobot_cli.training.memory import peak_memory_mb
    print(json.dumps({"mb": peak_memory_mb()}), flush=True)
    """
    with Worker(script(body), config, 1) as worker:
        assert worker.answer()["mb"] < 250
    del ballast


def test_a_process_that_waits_for_its_turn_clears_up(script, tmp_path, config):
    body = f"""{ANSWERS}
    try:
        answer(compile_s=1)
    finally:
        open({str(tmp_path / "cleared")!r}, "w").close()
    """
    with Worker(script(body), config, 8) as worker:
        worker.answer()
    assert (tmp_path / "cleared").is_file()


def test_a_process_that_does_not_end_is_ended(script, config, monkeypatch):
    monkeypatch.setattr(fleet, "GRACE", 0.1)
    body = """
    import time
    print(json.dumps({"compile_s": 1}), flush=True)
    time.sleep(1000)
    """
    with Worker(script(body), config, 8) as worker:
        worker.answer()
    assert worker._process.returncode == -9
