"""What a policy sees, over NumPy on the robot and over JAX in training."""
