"""Speed, measured: physics, environment, training, start-up."""
