"""The walking environment: a `brax.envs.Env` over any engine, for any robot."""

from functools import cached_property, partial
from itertools import accumulate

import jax
import jax.numpy as jnp
from brax.envs.base import Env, State

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env import privileged, rewards, terminations
from wildrobot_cli.env.commands import command_at, draw_schedule, narrowed
from wildrobot_cli.env.context import StepContext, Task, read_context
from wildrobot_cli.env.disturbances import Disturbance, Disturbances
from wildrobot_cli.env.episode import Episode
from wildrobot_cli.env.flight import Flight
from wildrobot_cli.env.ground import Ground, Terrain, above, eased_ground
from wildrobot_cli.env.randomization import draw_params, eased_params
from wildrobot_cli.env.reference import make_clock
from wildrobot_cli.env.sensing import read_sensors
from wildrobot_cli.env.terms import bind
from wildrobot_cli.physics.factory import make_engine
from wildrobot_cli.physics.protocol import Engine, Params, PhysicsState
from wildrobot_cli.robot import Robot, load_robot
from wildrobot_cli.runtime.observing import observations
from wildrobot_cli.runtime.observing.clock import frequency_at
from wildrobot_cli.runtime.observing.estimation import TURN, advance_heading, advance_phase
from wildrobot_cli.runtime.observing.rotations import yaw

__all__ = ["POLICY_KEY", "VALUE_KEY", "Episode", "WildRobotEnv"]

POLICY_KEY = "state"
VALUE_KEY = "privileged_state"

_DISTURBANCE_KEY, _GROUND_KEY = 2**30, 2**30 + 1
"""Folded into a reset's key; small numbers are what `jax.random.split` folds in."""


class WildRobotEnv(Env):
    """Follow velocity commands on two legs; actions are joint targets around the home pose.

    `reset` and `step` are for one simulation; batch them with `jax.vmap` or
    `wildrobot_cli.env.wrappers.wrap_for_training`.
    """

    def __init__(
        self, config: EnvConfig, engine: Engine | None = None, robot: Robot | None = None
    ) -> None:
        """Build the environment, on the configured engine and robot unless others are given.

        Raises:
            ConfigError: a term, its parameters, or the robot do not fit.
            EnvironmentUnavailable: the engine does not run here.
        """
        self.config = config
        self.robot = robot or load_robot(config.robot)
        self._terrain = Terrain(config.terrain, self.robot) if config.terrain else None
        self.robot = self._terrain.robot if self._terrain else self.robot
        self._disturbances = Disturbances(config, self.robot.servo.encoder_resolution)
        self.engine = engine or make_engine(self.robot, config)
        self._rewards = bind(rewards.TERMS, config.rewards, "env.rewards", self.robot)
        self._terminations = bind(
            terminations.TERMS, config.terminations, "env.terminations", self.robot
        )
        terminations.check_home(config.terminations, self.robot)
        self._privileged = bind(privileged.TERMS, config.privileged, "env.privileged", self.robot)
        bind(observations.TERMS, config.observations, "env.observations", self.robot)
        self._parts = {
            name: observations.Part(term.scale, term.history)
            for name, term in config.observations.items()
        }
        self.clock = make_clock(self.robot, config)

    @property
    def dt(self) -> float:
        """The control period [s]."""
        return self.config.control_period

    @property
    def action_size(self) -> int:
        """Number of joints."""
        return len(self.robot.joint_names)

    @property
    def observation_size(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the policy's and the value function's observations."""
        state = jax.eval_shape(self.reset, jax.random.PRNGKey(0))
        return {key: value.shape for key, value in state.obs.items()}

    @property
    def backend(self) -> str:
        """Name of the physics engine."""
        return self.engine.name

    def reset(self, rng: jax.Array, share: jax.Array | None = None) -> State:
        """Start an episode: the home pose with noise, a command schedule, a random phase.

        Args:
            rng: its randomness.
            share: of the commands' ranges and of each disturbance that was drawn to bear, in
                0..1; None is all. Shape ().
        """
        keys = jax.random.split(rng, 6)
        params = draw_params(keys[0], self.config.randomization, self.robot)
        ground = None
        if self._terrain:
            ground = self._terrain.draw(jax.random.fold_in(rng, _GROUND_KEY))
        if share is not None:
            params, ground = eased_params(params, share, self.robot), eased_ground(ground, share)
        physics = self._start(params, ground, keys[1])
        disturbance = self._disturbances.draw(
            jax.random.fold_in(rng, _DISTURBANCE_KEY),
            physics.qpos[self.robot.qpos_ids],
            jnp.asarray(self.robot.home_ctrl, physics.qpos.dtype),
            share,
        )
        idle = jnp.zeros_like(physics.actuator_force)
        schedule = draw_schedule(keys[2], self.config.commands, self.config.episode_length)
        command_share = None
        if self.config.curriculum:
            command_share = jnp.ones_like(physics.time) if share is None else share
        episode = Episode(
            physics=physics,
            params=params,
            schedule=schedule,
            command=self._asked(schedule, command_share)[0],
            heading_target=yaw(physics.qpos[self.robot.root_qpos][3:], jnp),
            phase=jax.random.uniform(keys[3], dtype=physics.time.dtype) * TURN,
            action=idle,
            last_action=idle,
            encoders=self._first_reading(disturbance, physics),
            disturbance=disturbance,
            ground=ground,
            command_share=command_share,
        )
        zero = jnp.zeros_like(physics.time)
        obs = self.observe(episode, episode.encoders, None, keys[4])
        metrics = dict.fromkeys(self._metric_names(), zero)
        flight = Flight(physics.qpos, physics.qvel, idle, ~physics.ok)
        return State(episode, obs, zero, zero, metrics, {"rng": keys[5], "flight": flight})

    def step(self, state: State, action: jax.Array) -> State:
        """Advance one control period: act, judge, reward, ask anew, observe."""
        before: Episode = state.pipeline_state
        rng, key = jax.random.split(state.info["rng"])
        episode = self.act(before, jnp.clip(action, -1.0, 1.0))
        context = self.context(episode)
        failed = self.failed(context) | ~episode.physics.ok
        terms = self.rewards(context)
        reward = jnp.maximum(sum(terms.values()), 0.0)
        reward = reward - self.config.fall_penalty * failed
        speed_error = jnp.linalg.norm(context.command[:2] - context.velocity)
        metrics = {f"reward/{name}": value for name, value in terms.items()}
        metrics |= {"velocity_error": speed_error, "fall": failed.astype(reward.dtype)}
        start, physics = before.physics, episode.physics
        flight = Flight(start.qpos, start.qvel, episode.action, ~physics.ok)
        episode = self._next_command(episode)
        return state.replace(
            pipeline_state=episode,
            obs=self.observe(episode, before.encoders, state.obs[POLICY_KEY], key),
            reward=reward,
            done=failed.astype(reward.dtype),
            metrics={**state.metrics, **metrics},
            info={**state.info, "rng": rng, "flight": flight},
        )

    def context(self, episode: Episode) -> StepContext:
        """Read an episode's present state in plain terms."""
        damping = episode.params.get("dof_damping", self.robot.model.dof_damping)
        burden, dtype = episode.disturbance, episode.phase.dtype
        wrench = self._disturbances.wrench(burden, self._now(episode.physics), dtype)
        task = Task(
            command=episode.command,
            heading_target=episode.heading_target,
            phase=episode.phase,
            action=episode.action,
            last_action=episode.last_action,
            damping=jnp.asarray(damping, dtype)[self.robot.qvel_ids],
            swing_fraction=self.config.gait.swing_fraction,
            force=wrench[:2],
            latency=jnp.zeros((), dtype) if burden.link is None else burden.link.latency,
        )
        context = read_context(self.robot, episode.physics, task)
        if episode.ground is None:
            return context
        place = episode.physics.qpos[self.robot.root_qpos][:2]
        return above(context, episode.ground, place)

    def act(self, episode: Episode, action: jax.Array) -> Episode:
        """Step physics with an action; a failed simulation keeps its last good state."""
        before, burden = episode.physics, episode.disturbance
        now = self._now(before)
        frequency = frequency_at(self.clock, episode.command, jnp)
        ctrl, burden = self._disturbances.carry(burden, now, self.targets(action))
        wrench = self._disturbances.wrench(burden, now, action.dtype)
        after = self.engine.step(self.params(episode), before, ctrl, wrench)
        kept = jax.tree.map(partial(jnp.where, after.ok), after, before)
        angles = kept.qpos[self.robot.qpos_ids]
        encoders, burden = self._disturbances.read(burden, episode.encoders, angles)
        return episode.replace(  # type: ignore[attr-defined]
            physics=kept.replace(ok=after.ok),
            heading_target=advance_heading(episode.heading_target, episode.command, self.dt),
            phase=advance_phase(episode.phase, frequency, self.dt),
            action=action,
            last_action=episode.action,
            encoders=encoders,
            disturbance=burden,
        )

    def params(self, episode: Episode) -> Params:
        """What the engine is to step an episode with: its robot, on the ground below it."""
        if self._terrain is None or episode.ground is None:
            return episode.params
        planes = self._terrain.planes(episode.ground, episode.physics.sensordata)
        return episode.params | planes

    def _now(self, physics: PhysicsState) -> jax.Array:
        """Control steps that were taken. Shape (), int32."""
        return jnp.round(physics.time / self.dt).astype(jnp.int32)

    def targets(self, action: jax.Array) -> jax.Array:
        """Servo targets that an action in [-1, 1] asks for [rad]. Shape (n,) -> (n,)."""
        targets = self.robot.home_ctrl + self.config.action_scale * action
        return jnp.clip(targets, self.robot.lower, self.robot.upper).astype(action.dtype)

    def rewards(self, context: StepContext) -> dict[str, jax.Array]:
        """Weighted reward terms, times the control period. Shapes ()."""
        return {
            name: term(context) * (self.config.rewards[name].weight * self.dt)
            for name, term in self._rewards.items()
        }

    def terminations(self, context: StepContext) -> dict[str, jax.Array]:
        """Which failures a state shows. Shapes (), bool."""
        return {name: term(context) for name, term in self._terminations.items()}

    def observe(
        self,
        episode: Episode,
        last_encoders: jax.Array,
        before: jax.Array | None,
        rng: jax.Array,
    ) -> dict[str, jax.Array]:
        """What the policy and the value function see of an episode's present state.

        Args:
            episode: where it is.
            last_encoders: the readings one control step before [rad]; where joints are read in
                turns, the episode knows better. Shape (n,).
            before: what the policy saw one control step before; None where an episode begins.
            rng: for the sensors' noise.
        """
        readings = self._read_sensors(episode, last_encoders, rng)
        policy = observations.observe(self._parts, readings, before, jnp)
        context = self.context(episode)
        extra = [
            term(context) * self.config.privileged[name].scale
            for name, term in self._privileged.items()
        ]
        return {POLICY_KEY: policy, VALUE_KEY: jnp.concatenate([policy, *extra])}

    @cached_property
    def observation_slices(self) -> dict[str, slice]:
        """Where each term stands in the value function's observation, the policy's terms first."""

        def terms(rng: jax.Array) -> dict[str, jax.Array]:
            episode = self.reset(rng).pipeline_state
            readings = self._read_sensors(episode, episode.encoders, rng)
            context = self.context(episode)
            seen = {
                name: observations.observe({name: part}, readings, None, jnp)
                for name, part in self._parts.items()
            }
            return seen | {name: term(context) for name, term in self._privileged.items()}

        with jax.ensure_compile_time_eval():
            shapes = jax.eval_shape(terms, jax.random.PRNGKey(0))
        names = [*self._parts, *self._privileged]
        ends = accumulate(shapes[name].shape[0] for name in names)
        return {
            name: slice(end - shapes[name].shape[0], end)
            for name, end in zip(names, ends, strict=True)
        }

    def _start(self, params: Params, ground: Ground | None, rng: jax.Array) -> PhysicsState:
        """Put the robot into the home pose with noise, at its servos' home targets."""
        robot, noise = self.robot, self.config.resets
        draw = partial(jax.random.uniform, dtype=jnp.result_type(float), minval=-1.0)
        key_position, key_velocity = jax.random.split(rng)
        offsets = noise.joint_noise * draw(key_position, (self.action_size,))
        home = jnp.asarray(robot.home_qpos, offsets.dtype)
        angles = jnp.clip(home[robot.qpos_ids] + offsets, robot.lower, robot.upper)
        qvel = noise.velocity_noise * draw(key_velocity, (robot.model.nv,))
        ctrl = jnp.asarray(robot.home_ctrl, offsets.dtype)
        return self._begin(params, ground, home.at[robot.qpos_ids].set(angles), qvel, ctrl)

    def _begin(
        self,
        params: Params,
        ground: Ground | None,
        qpos: jax.Array,
        qvel: jax.Array,
        ctrl: jax.Array,
    ) -> PhysicsState:
        """Start a simulation, on the ground where there is one. Shapes (nq,), (nv,), (n,)."""
        if self._terrain is None or ground is None:
            return self.engine.init(params, qpos, qvel, ctrl)
        return self._terrain.init(self.engine, params, ground, qpos, qvel, ctrl)

    def _asked(self, schedule: jax.Array, share: jax.Array | None) -> jax.Array:
        """A schedule with the share of the commands' ranges that is in use. Shape (k, 3)."""
        return schedule if share is None else narrowed(schedule, self.config.commands, share)

    def _next_command(self, episode: Episode) -> Episode:
        commands, time = self.config.commands, episode.physics.time
        schedule = self._asked(episode.schedule, episode.command_share)
        command = command_at(schedule, time, commands.hold, self.dt, commands.ramp)
        return episode.replace(command=command)  # type: ignore[attr-defined]

    def _first_reading(self, disturbance: Disturbance, physics: PhysicsState) -> jax.Array:
        return self._disturbances.encode(disturbance, physics.qpos[self.robot.qpos_ids])

    def failed(self, context: StepContext) -> jax.Array:
        """Whether a termination term calls the state a failure. Shape (), bool."""
        verdicts = list(self.terminations(context).values())
        return jnp.stack(verdicts).any() if verdicts else jnp.zeros((), bool)

    def _metric_names(self) -> list[str]:
        return [*(f"reward/{name}" for name in self._rewards), "velocity_error", "fall"]

    def _read_sensors(
        self, episode: Episode, last_encoders: jax.Array, rng: jax.Array
    ) -> observations.Readings:
        """What the robot's own sensors say of a state, faults included."""
        return read_sensors(self.robot, self.config, episode, last_encoders, rng)
