"""The usual way without JAX: processes that step one robot each, and PPO in PyTorch.

A plain `gymnasium.Env` over MuJoCo on the reference model, batched by `gymnasium.vector`'s
asynchronous processes, and PPO as CleanRL writes it (Huang et al. 2022, JMLR 23(274)). Observation,
action, networks, epochs, minibatches and data in an iteration have the sizes of a configuration
of wildrobot; an environment step is as many physics steps.

    python benchmarks/python_vector.py                      # prints the speed of each turn
    wildrobot bench --what train                            # measures it beside the others
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

from wildrobot_cli.bench.stopwatch import Finished, Stopwatch
from wildrobot_cli.bench.worker import private_output, stopwatch
from wildrobot_cli.config.learning import BatchConfig, PPOConfig
from wildrobot_cli.config.schema import Config

MODEL = Path(__file__).with_name("reference.xml")
SUBSTEPS = 5
"""Physics steps of the reference model in a control step."""
PER_CORE = 4
"""Environments for each core, a process each."""
STEPS = 1000
"""Control steps of an episode."""
FREQUENCY = 1.6
"""Strides a second [Hz]."""
Rollout = dict[str, torch.Tensor]


class Walker(gymnasium.Env):
    """Follow a forward speed on two legs; actions are joint targets around the home pose."""

    def __init__(self) -> None:
        """Load the reference model."""
        self.model = mujoco.MjModel.from_xml_path(str(MODEL))
        self.data = mujoco.MjData(self.model)
        home = self.model.key("home")
        self.home_ctrl, self.home_joints = home.ctrl.copy(), home.qpos[7:].copy()
        self.lower, self.upper = self.model.actuator_ctrlrange.T
        self.waist = self.data.xmat[self.model.body("waist").id].reshape(3, 3)
        self.feet = [self.model.site(f"{side}_sole").id for side in ("left", "right")]
        size, joints = 3 * self.model.nu + 9 + 3, self.model.nu
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (joints,), np.float32)
        self.action, self.command, self.age = np.zeros(joints), 0.0, 0

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        """Stand in the home pose, slightly off."""
        super().reset(seed=seed)
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        self.data.qpos[7:] += self.np_random.uniform(-0.05, 0.05, self.model.nu)
        mujoco.mj_forward(self.model, self.data)
        self.action, self.age = np.zeros(self.model.nu), 0
        self.command = self.np_random.uniform(0.1, 0.5)
        return self.observe(), {}

    def step(self, action: np.ndarray) -> tuple:
        """Advance a control period."""
        action = np.clip(action, -1.0, 1.0)
        self.data.ctrl[:] = np.clip(self.home_ctrl + 0.5 * action, self.lower, self.upper)
        mujoco.mj_step(self.model, self.data, SUBSTEPS)
        reward = self.reward(action)
        self.action, self.age = action, self.age + 1
        fallen = bool(self.data.qpos[2] < 0.3 or self.up[2] < 0.7)
        return self.observe(), reward, fallen, self.age >= STEPS, {}

    @property
    def up(self) -> np.ndarray:
        """The world's vertical in the waist's frame. Shape (3,)."""
        return self.waist[2]

    @property
    def phase(self) -> float:
        """Phase of the left foot [rad]."""
        return 2 * np.pi * FREQUENCY * self.data.time

    def observe(self) -> np.ndarray:
        """Sensors, joints, the last action, command and clock. Shape (45,)."""
        joints, speeds = self.data.qpos[7:] - self.home_joints, self.data.qvel[6:]
        clock = np.sin(self.phase), np.cos(self.phase)
        parts = self.data.qvel[3:6], self.up, self.data.qvel[:3], joints, 0.1 * speeds, self.action
        return np.concatenate([*parts, [self.command, *clock]]).astype(np.float32)

    def reward(self, action: np.ndarray) -> float:
        """Track speed and the clock's foot heights; small penalties."""
        velocity, rates = self.data.qvel[:3], self.data.qvel[3:6]
        swing = np.maximum(np.sin([self.phase, self.phase + np.pi]), 0.0)
        feet = self.data.site_xpos[self.feet, 2]
        reward = 2.0 * np.exp(-((velocity[0] - self.command) ** 2 + velocity[1] ** 2) / 0.03)
        reward += 0.5 * np.exp(-(rates[2] ** 2) / 0.25) + 0.5
        reward += 2.0 * np.exp(-np.sum((feet - 0.06 * swing**2) ** 2) / 0.0012)
        reward -= np.sum(self.up[:2] ** 2) + 0.02 * np.sum(rates[:2] ** 2)
        reward -= 0.02 * np.sum((action - self.action) ** 2)
        reward -= 0.008 * np.sum(self.data.actuator_force**2)
        return float(max(reward, 0.0))


class Agent(nn.Module):
    """A policy with Gaussian actions, and a value function."""

    def __init__(self, observation: int, action: int, batch: BatchConfig) -> None:
        """Make both networks."""
        super().__init__()
        self.policy = network(observation, batch.policy_hidden, action)
        self.value = network(observation, batch.value_hidden, 1)
        self.log_std = nn.Parameter(torch.zeros(action))

    def actions(self, observation: torch.Tensor) -> Normal:
        """Distribution of actions."""
        return Normal(self.policy(observation), self.log_std.exp())


def network(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """A multi-layer perceptron with Swish, as Brax's are."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.SiLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class Normalizer:
    """Running mean and variance of observations (Chan et al. 1979)."""

    def __init__(self, size: int) -> None:
        """Know nothing yet."""
        self.mean, self.variance, self.count = np.zeros(size), np.ones(size), 1e-4

    def __call__(self, seen: np.ndarray) -> torch.Tensor:
        """Learn from a batch, and normalise it. Shape (n, size)."""
        count, delta = len(seen), seen.mean(0) - self.mean
        total = self.count + count
        self.variance = (
            self.variance * self.count + seen.var(0) * count + delta**2 * self.count * count / total
        ) / total
        self.mean, self.count = self.mean + delta * count / total, total
        scaled = (seen - self.mean) / np.sqrt(self.variance + 1e-8)
        return torch.as_tensor(scaled, dtype=torch.float32)


@torch.no_grad()
def collect(
    envs: gymnasium.vector.VectorEnv,
    agent: Agent,
    normalize: Normalizer,
    seen: torch.Tensor,
    length: int,
) -> tuple[Rollout, torch.Tensor]:
    """Act for `length` steps. Returns tensors (length, n, ...), and the next observation."""
    kept: dict[str, list[torch.Tensor]] = {
        name: [] for name in ("seen", "action", "log_prob", "value", "reward", "done")
    }
    for _ in range(length):
        chosen = agent.actions(seen)
        action = chosen.sample()
        observation, reward, fallen, timeout, _ = envs.step(action.numpy())
        done = torch.as_tensor(fallen | timeout, dtype=torch.float32)
        row = (seen, action, chosen.log_prob(action).sum(-1), agent.value(seen)[:, 0])
        row += (torch.as_tensor(reward, dtype=torch.float32), done)
        for name, value in zip(kept, row, strict=True):
            kept[name].append(value)
        seen = normalize(observation)
    return {name: torch.stack(values) for name, values in kept.items()}, seen


@torch.no_grad()
def advantages(data: Rollout, last: torch.Tensor, ppo: PPOConfig) -> torch.Tensor:
    """Generalized advantage estimation (Schulman et al. 2016). Shape (length, n)."""
    result, ahead, value = torch.zeros_like(data["reward"]), torch.zeros_like(last), last
    for step in reversed(range(len(result))):
        goes_on = 1.0 - data["done"][step]
        delta = data["reward"][step] + ppo.discount * goes_on * value - data["value"][step]
        ahead = delta + ppo.discount * ppo.gae_lambda * goes_on * ahead
        result[step], value = ahead, data["value"][step]
    return result


def update(
    agent: Agent,
    optimizer: torch.optim.Optimizer,
    data: Rollout,
    ppo: PPOConfig,
    minibatches: int,
) -> None:
    """Pass over the data `epochs` times in shuffled minibatches. Leaves (samples, ...)."""
    for _ in range(ppo.epochs):
        for rows in torch.randperm(len(data["reward"])).chunk(minibatches):
            part = {name: value[rows] for name, value in data.items()}
            chosen = agent.actions(part["seen"])
            ratio = (chosen.log_prob(part["action"]).sum(-1) - part["log_prob"]).exp()
            gain = part["advantage"]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            clipped = ratio.clamp(1 - ppo.clip, 1 + ppo.clip)
            loss = -torch.min(gain * ratio, gain * clipped).mean()
            error = agent.value(part["seen"])[:, 0] - part["return"]
            loss = loss + ppo.value_weight * 0.5 * (error**2).mean()
            loss = loss - ppo.entropy * chosen.entropy().sum(-1).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), ppo.max_grad_norm)
            optimizer.step()


def train(config: Config, watch: Stopwatch) -> None:
    """Train until the stopwatch has enough."""
    ppo, batch = config.ppo, config.ppo.mujoco
    count = PER_CORE * (os.cpu_count() or 1)
    length = batch.num_envs * batch.unroll_length // count
    makers: list[Callable[[], gymnasium.Env]] = [Walker] * count
    envs = gymnasium.vector.AsyncVectorEnv(makers)
    torch.manual_seed(config.seed)
    size = envs.single_observation_space.shape[0]
    agent = Agent(size, envs.single_action_space.shape[0], batch)
    optimizer = torch.optim.Adam(agent.parameters(), lr=ppo.learning_rate)
    normalize = Normalizer(size)
    seen = normalize(envs.reset(seed=config.seed)[0])
    try:
        while True:
            data, seen = collect(envs, agent, normalize, seen, length)
            data["advantage"] = advantages(data, agent.value(seen)[:, 0], ppo)
            data["return"] = data["advantage"] + data["value"]
            flat = {name: value.flatten(0, 1) for name, value in data.items()}
            update(agent, optimizer, flat, ppo, batch.num_minibatches)
            watch.done(length * count)
    finally:
        envs.close(terminate=True)


def main(config: str = "ppo.yaml", _num_envs: str = "") -> None:
    """Train in turns: a line on the standard input is one."""
    try:
        train(Config.from_file(config), stopwatch(private_output(), sys.stdin))
    except Finished:
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
