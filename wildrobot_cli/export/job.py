"""An export at work: what a bundle holds, and what it is held against."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.config.deploy import load_deploy
from wildrobot_cli.config.loader import dump
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import POLICY_KEY, WildRobotEnv
from wildrobot_cli.evaluation.judging import faultless, judge
from wildrobot_cli.evaluation.measuring import servo_limits
from wildrobot_cli.evaluation.metrics import scenario_metrics
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.export import proof
from wildrobot_cli.export.document import MODEL, QUANTIZED, as_metadata, describe
from wildrobot_cli.export.files import (
    as_json,
    as_npz,
    readme,
)
from wildrobot_cli.export.traces import Trace
from wildrobot_cli.runtime.bundles.bundle import DESCRIPTION, GOLDEN, README, Bundle
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.policy import ACTION, TARGETS, OnnxPolicy, load
from wildrobot_cli.runtime.golden import (
    KEYS,
    QUANTIZED_RMS,
    RESULTS,
    TOLERANCE,
    quantized_gap,
    replay,
)
from wildrobot_cli.training.policy import Policy, load_policy
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.symmetry import symmetry_of


@dataclass(frozen=True)
class Export:
    """What an export made and found."""

    bundle: Path
    """The bundle's folder; its zip is beside it. Not there unless all gates held."""
    gates: tuple[proof.Gate, ...]
    """What was to hold."""
    evaluations: dict[str, dict[str, Any]]
    """Metrics of the closed loops by policy file; see docs/evaluation.md."""
    latency_ms: dict[str, float]
    """Median and 99th percentile of a control step's processor time on one core [ms]."""
    size_mb: float
    """Of the zip [MB]."""

    @property
    def passed(self) -> bool:
        """Whether every gate held."""
        return all(gate.passed for gate in self.gates)

    @property
    def verdict(self) -> str:
        """What the gates that failed mean; nothing where all held."""
        return proof.verdict(self.gates)

    def largest(self, word: str) -> float:
        """Largest figure among the gates of the float policy whose name holds `word`."""
        names = [g for g in self.gates if word in g.name and not g.name.startswith("int8")]
        return max(gate.found for gate in names)


@dataclass(frozen=True)
class Job:
    """Everything an export works with."""

    run: RunFolder
    config: Config
    env: WildRobotEnv
    policy: Policy
    quantize: bool
    seed: int
    """Of the proof's rollouts and observations."""

    @classmethod
    def of(
        cls,
        run: RunFolder,
        checkpoint: str | None,
        quantize: bool,
        config: Config | None = None,
        seed: int | None = None,
    ) -> "Job":
        """Load a run and its policy, into an environment without faults on MuJoCo C.

        `config` takes the place of the run's own, and `seed` of the configuration's.
        """
        config = config or run.config
        env = WildRobotEnv(faultless(config.env))
        policy = load_policy(run, config, env, checkpoint)
        return cls(run, config, env, policy, quantize, config.seed if seed is None else seed)

    def files(self, trace: Trace) -> dict[str, bytes]:
        """Every file of the bundle but the checksums."""
        from wildrobot_cli.export import graph

        robot, config = self.env.robot, self.config
        steps, deploy = self.policy.env_steps, load_deploy()
        document = describe(
            self.run, config, robot, self.env.clock, deploy, steps, graph.OPSET, self.quantize
        )
        network = graph.network_of(
            self.policy.tree,
            POLICY_KEY,
            config.ppo.normalize_observations,
            home=robot.home_ctrl,
            action_scale=config.env.action_scale,
            lower=robot.lower,
            upper=robot.upper,
            symmetry=symmetry_of(self.env) if config.ppo.symmetric else None,
        )
        model = graph.to_onnx(network, as_metadata(document))
        files = {MODEL: graph.to_bytes(model)}
        if self.quantize:
            from wildrobot_cli.export.quantization import quantized

            seen = trace["observation"].reshape(-1, trace["observation"].shape[-1])
            files[QUANTIZED] = quantized(model, seen)
        golden = {name: trace[name][:, 0] for name in (*KEYS, *RESULTS, "qpos", "qvel")}
        return files | {
            DESCRIPTION: as_json(document),
            "config.yaml": dump(config).encode(),
            GOLDEN: as_npz(golden),
            README: readme(document).encode(),
        }

    def prove(self, bundle: Bundle, trace: Trace, work: Path, target: Path) -> Export:
        """Hold the bundle against JAX, its golden trace and the training environment."""
        policy = load(bundle)
        loops = proof.run_closed_loop(bundle.path, trace, work)
        reference = judge(self.env, trace, trace)
        free = judge(self.env, trace, loops["free"])
        golden, columns = replay(bundle, policy), self._columns(bundle.description)
        gates = [
            *self.parity(policy, trace),
            *(
                proof.Gate(f"golden {name}", gap, TOLERANCE, where=golden.places[name])
                for name, gap in golden.differences.items()
            ),
            *proof.forced_gates(trace, loops["forced"], reference.alive, columns),
            *proof.free_gates(trace, loops["free"], columns["qpos"]),
            *proof.outcome_gates(reference, free),
        ]
        limits = servo_limits(self.env.robot)
        evaluations = {MODEL: scenario_metrics(free, limits)}
        if self.quantize:
            after = judge(self.env, trace, loops["quantized_free"])
            gates += self._quantized_gates(bundle, trace, reference, after)
            evaluations[QUANTIZED] = scenario_metrics(after, limits)
        median, p99 = np.percentile(1000 * golden.seconds, (50, 99)).tolist()
        size = bundle.path.stat().st_size / 1e6
        latency = {"median": median, "p99": p99}
        return Export(target, tuple(gates), evaluations, latency, size)

    def parity(self, policy: OnnxPolicy, trace: Trace) -> list[proof.Gate]:
        """Onnxruntime against JAX, on observations seen and at the corners of their range."""
        drawn = proof.sample(trace["observation"], proof.OBSERVATIONS, self.seed)
        ours, theirs = policy.batch(drawn), self._expected(drawn)
        joints = self.env.robot.joint_names
        return [
            proof.largest_gap(
                f"onnxruntime against JAX, {name}", proof.gaps(a, b), joints, TOLERANCE
            )
            for name, a, b in zip((TARGETS, ACTION), ours, theirs, strict=True)
        ]

    def _quantized_gates(
        self, bundle: Bundle, trace: Trace, reference: Trajectory, free: Trajectory
    ) -> list[proof.Gate]:
        """The quantized policy against JAX on observations seen, and its own rollouts.

        What is asked of it on the golden trace alone a robot will ask again.
        """
        seen = trace["observation"].reshape(-1, trace["observation"].shape[-1])
        gap = load(bundle, True).batch(seen)[1] - trace["action"].reshape(len(seen), -1)
        gates = proof.outcome_gates(reference, free, proof.QUANTIZED_DISTANCE)
        rms = {
            "action": float(np.sqrt(np.mean(gap**2))),
            "golden action": quantized_gap(bundle),
        }
        coarse = [
            proof.Gate(f"int8 {name}, root mean square difference", found, QUANTIZED_RMS)
            for name, found in rms.items()
        ]
        named = [*coarse, *(replace(gate, name=f"int8 {gate.name}") for gate in gates)]
        return [replace(gate, kind=proof.Kind.INT8) for gate in named]

    def _columns(self, description: Description) -> dict[str, tuple[str, ...]]:
        """What the numbers of an observation, an action, targets and a position are called."""
        robot = self.env.robot
        positions = [f"qpos[{index}]" for index in range(len(robot.home_qpos))]
        for place, name in zip(robot.qpos_ids, robot.joint_names, strict=True):
            positions[place] = name
        joints = dict.fromkeys(("action", "targets"), robot.joint_names)
        return {
            "observation": description.observation_names,
            **joints,
            "qpos": tuple(positions),
        }

    def _expected(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joint targets and actions by JAX and by the environment's own formula."""
        action = self.policy.act({POLICY_KEY: observations})
        return np.asarray(self.env.targets(action)), np.asarray(action)
