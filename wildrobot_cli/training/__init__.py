"""Learning: the PPO loop, checkpoints and run folders."""
