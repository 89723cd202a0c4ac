"""What all tests share. Warnings in our own code are errors: see pyproject.toml.

Building an environment and compiling it takes seconds, so that is done once a session. JAX is
imported by the fixtures that need it, not here.
"""

import os
import shutil
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Tests train the same tiny program several times: compile it once.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "programs"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TINY = (
    "env.engine=mujoco",
    "ppo.mujoco.num_envs=8",
    "ppo.mujoco.unroll_length=5",
    "ppo.mujoco.num_minibatches=2",
    "ppo.mujoco.policy_hidden=[8]",
    "ppo.mujoco.value_hidden=[8]",
    "ppo.steps=110",
    "env.episode_length=0.4",
    "eval.episodes=2",
    "checkpoints.rollouts=2",
    "checkpoints.rollout_length=0.1",
)
"""Three iterations of 40 control steps."""
TINY_STYLE = ("amp.mujoco={hidden: [8], replay: 100, batch: 16, updates: 1}",)
"""What makes ppo_amp.yaml as tiny."""

# A shell that starts tests in the background has them ignore Ctrl-C, and what they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST_FIRST = (
    "cli/test_validate.py",
    "physics/test_conformance.py",
    "training",
    "physics",
    "runtime/test_planted",
    "bench",
)
"""Where the files are that take minutes: begun last, one would keep one core busy alone.

Files that need the same large program stand apart: begun together, both would compile it.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; workers get them one by one."""

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(ROOT / "tests").as_posix()
        ranks = [rank for rank, start in enumerate(LONGEST_FIRST) if name.startswith(start)]
        return ranks[0] if ranks else len(LONGEST_FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def robot():
    """The packaged robot."""
    from wildrobot_cli import load_robot

    return load_robot("wildrobot")


@pytest.fixture(scope="session")
def biped() -> Path:
    """The YAML of a robot that is not ours, with box feet and implicitfast."""
    return ROOT / "tests" / "robots" / "biped.yaml"


@pytest.fixture(scope="session")
def config():
    """The default configuration, on the engine that runs everywhere."""
    from wildrobot_cli import Config

    return Config.from_file("ppo.yaml", ("env.engine=mujoco",))


@pytest.fixture(scope="session")
def env(config):
    """The default environment."""
    from wildrobot_cli import WildRobotEnv

    return WildRobotEnv(config.env)


@pytest.fixture(scope="session")
def reset(env):
    """Its reset, compiled: a key to a state."""
    import jax

    return jax.jit(env.reset)


@pytest.fixture(scope="session")
def step(env):
    """Its step, compiled: a state and an action to a state."""
    import jax

    return jax.jit(env.step)


@pytest.fixture(scope="session")
def tiny_overrides() -> tuple[str, ...]:
    """What makes the default configuration tiny."""
    return TINY


@pytest.fixture(scope="session")
def tiny_style_overrides() -> tuple[str, ...]:
    """What makes ppo_amp.yaml tiny."""
    return (*TINY, *TINY_STYLE)


@pytest.fixture(scope="session")
def tiny_config():
    """A configuration that trains in a second, compiling aside."""
    from wildrobot_cli import Config

    return Config.from_file("ppo.yaml", TINY)


@pytest.fixture(scope="session")
def shared_programs():
    """Trainings of one configuration share their compiled programs."""
    from wildrobot_cli.config.loader import dump
    from wildrobot_cli.training.trainer import _Parts

    made, build = {}, _Parts.of

    def of(config):
        key = dump(config)
        if key not in made:
            made[key] = build(config)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Parts, "of", of)
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny_config, shared_programs):
    """A finished tiny training, and the progress it reported. Do not change its folder."""
    from wildrobot_cli import train

    seen = []
    result = train(tiny_config, tmp_path_factory.mktemp("runs"), "tiny", seen.append)
    return result, seen


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the tiny run, free to damage."""
    from wildrobot_cli.training.run_folder import RunFolder

    folder = tmp_path / "tiny"
    shutil.copytree(trained[0].run, folder)
    return RunFolder(folder)


class Prepared(NamedTuple):
    """An export before its proof: a `Job`, its rollouts, and the files of the bundle."""

    job: object
    trace: dict
    files: dict


@pytest.fixture(scope="session")
def prepared(trained) -> Prepared:
    """The tiny run's files and the rollouts they are held against. Change copies alone."""
    from wildrobot_cli.export import proof
    from wildrobot_cli.export.job import Job
    from wildrobot_cli.export.traces import record
    from wildrobot_cli.training.run_folder import open_run

    job = Job.of(open_run(Path(trained[0].run)), None, quantize=True)
    trace = record(job.env, job.policy.act, proof.ROLLOUTS, job.seed)
    return Prepared(job, trace, job.files(trace))


@pytest.fixture(scope="session")
def bundle_folder(prepared, tmp_path_factory) -> Path:
    """The tiny run's bundle, with its zip beside it. Change copies alone."""
    from wildrobot_cli.export.files import write_bundle

    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(folder, prepared.files)
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder):
    """The same, read and verified."""
    from wildrobot_cli.runtime.bundles.bundle import open_bundle

    return open_bundle(bundle_folder)
