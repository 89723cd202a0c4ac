"""A training spread over devices and processes is the training on one, up to rounding."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.training import devices
from wildrobot_cli.training.checkpoint_list import find_checkpoint

TINY_MJX = (
    "env.engine=mjx",
    "env.substeps=2",
    "env.mjx.iterations=2",
    "env.mjx.ls_iterations=2",
    "ppo.mjx.num_envs=8",
    "ppo.mjx.unroll_length=4",
    "ppo.mjx.num_minibatches=2",
    "ppo.mjx.policy_hidden=[8]",
    "ppo.mjx.value_hidden=[8]",
    "ppo.steps=96",
    "checkpoints.rollouts=2",
    "checkpoints.rollout_length=0.1",
    "env.episode_length=0.4",
    "eval.episodes=2",
)
"""Three iterations on the engine that is a JAX program."""
TOLERANCE = {"puppet": 1e-3, "mjx": 1e-6}
"""Largest difference in a parameter after 24 gradient steps: sums are ordered differently.

MJX computes in double precision here: contacts magnify the rounding of single precision, within
these three iterations to 3 in a sum of squares.
"""

RUN = """
import os, sys, time
engine, tests = sys.argv.pop(1), sys.argv.pop(1)
if engine == "puppet":
    sys.path.insert(0, tests)
    import wildrobot_cli.env.environment as environment
    from puppet import PuppetEngine
    def make(robot, config):
        puppet = PuppetEngine(robot, config.control_period)
        puppet.name = "mjx"
        return puppet
    environment.make_engine = make
if float(os.environ["COMPILES_LATE"]):
    from wildrobot_cli.training.learner import Learner
    compiled = Learner.compiled
    def late(self, state):
        time.sleep(float(os.environ["COMPILES_LATE"]))
        return compiled(self, state)
    Learner.compiled = late
from wildrobot_cli.cli.app import main
main()
"""
"""`wildrobot`, on MJX or on a stand-in for it that compiles in seconds."""


class Machine:
    """Runs `wildrobot train` in processes of their own, on CPU devices."""

    def __init__(self, engine: str, folder, tests) -> None:
        self.engine, self.folder, self._tests = engine, folder, tests

    def start(self, name: str, *options: str, host_devices=1, resume=False, late=0.0):
        sets = [part for text in TINY_MJX for part in ("--set", text)]
        what = ["--resume", name] if resume else ["--runs", ".", "--run", name, *sets]
        flags = f"--xla_force_host_platform_device_count={host_devices}"
        return subprocess.Popen(
            [sys.executable, "-c", RUN, self.engine, self._tests, "train", *what, *options],
            cwd=self.folder,
            env={
                **os.environ,
                "XLA_FLAGS": flags,
                "JAX_PLATFORMS": "cpu",
                "COMPILES_LATE": str(late),
                "JAX_ENABLE_X64": str(self.engine == "mjx"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_two(self, name: str, *options: str, resume: bool = False):
        place = f"127.0.0.1:{free_port()}"
        pairs = [("--distributed", f"{place},{index}/2") for index in range(2)]
        return [self.start(name, *pair, *options, resume=resume) for pair in pairs]

    def parameters(self, name: str) -> np.ndarray:
        """Policy, value function and normaliser of a run's newest checkpoint, in one row."""
        newest = find_checkpoint(self.folder / name / "checkpoints", "latest")
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            policy = checkpointer.restore((newest / "policy").absolute())
            trainer = checkpointer.restore((newest / "trainer").absolute())
        leaves = jax.tree.leaves((policy, trainer["value"]))
        return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in leaves])


def finish(process) -> str:
    out, err = process.communicate(timeout=550)
    assert process.returncode in (0, 1), err  # 1: after so short a training a gate may fail
    assert "internal error" not in err, err
    return out


def wait_for(event, process, timeout: float = 550) -> None:
    """Wait until something happens while a process runs."""
    deadline = time.monotonic() + timeout
    while not event():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module", params=["puppet", pytest.param("mjx", marks=pytest.mark.slow)])
def machine(request, tmp_path_factory, root):
    """A machine on which the run `single` was trained on one device."""
    made = Machine(request.param, tmp_path_factory.mktemp("devices"), str(root / "tests/env"))
    finish(made.start("single"))
    return made


def difference(machine: Machine, name: str) -> float:
    """Largest difference of a parameter from the run on one device, in tolerances."""
    gap = float(np.abs(machine.parameters(name) - machine.parameters("single")).max())
    return gap / TOLERANCE[machine.engine]


@pytest.mark.long
def test_two_devices_train_as_one(machine):
    finish(machine.start("two", host_devices=2))
    assert difference(machine, "two") < 1
    assert json.loads((machine.folder / "two" / "summary.json").read_text())["finished"]


@pytest.mark.slow
def test_two_processes_train_as_one_and_one_of_them_writes(machine):
    processes = machine.start_two("both")
    outputs = [finish(process) for process in processes]
    assert processes[1].returncode == 0, "it evaluates nothing"
    assert "saved in both" in outputs[0]
    assert "saved in" not in outputs[1]
    assert difference(machine, "both") < 1
    lines = (machine.folder / "both" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["env_steps"] for line in lines] == [32, 64, 96]


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["puppet"], indirect=True)
def test_a_process_that_compiles_for_longer_is_waited_for(machine):
    place = f"127.0.0.1:{free_port()}"
    first = machine.start("late", "--distributed", f"{place},0/2")
    second = machine.start("late", "--distributed", f"{place},1/2", late=40.0)
    for process in (first, second):
        finish(process)
    assert difference(machine, "late") < 1


@pytest.mark.slow
def test_two_processes_resume_what_one_began(machine):
    finish(machine.start("begun", "--max-minutes", "1e-9"))
    for process in machine.start_two("begun", resume=True):
        finish(process)
    assert difference(machine, "begun") < 1


@pytest.mark.slow
def test_two_processes_stop_together_at_a_signal_to_the_first(machine):
    first, second = machine.start_two("stopped", "--set", "ppo.steps=1000000")
    metrics = machine.folder / "stopped" / "metrics.jsonl"
    wait_for(lambda: metrics.is_file() and metrics.read_text().count("\n") >= 3, first)
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM
    assert "wildrobot train --resume" in said
    assert second.wait(timeout=60) == 0
    assert find_checkpoint(machine.folder / "stopped" / "checkpoints", "latest")


@pytest.mark.slow
def test_another_seed_exceeds_the_tolerance(machine):
    finish(machine.start("seed", "--seed", "1"))
    assert difference(machine, "seed") > 10


@pytest.mark.parametrize("text", ["", "here", "host,0/2", "host:1,2/2", "host:1,0", "host:x,0/1"])
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="expected auto, or HOST:PORT,INDEX/COUNT"):
        devices.connect(text)


def test_alone_a_process_leads_and_agrees_with_itself(tmp_path):
    assert devices.leads()
    assert devices.agreed((True, False)) == (True, False)
    with devices.own_folder(tmp_path) as folder:
        assert folder == tmp_path
