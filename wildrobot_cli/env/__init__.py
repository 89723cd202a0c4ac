"""The environment: terms, observations, resets, and the `brax.envs.Env` made of them."""
