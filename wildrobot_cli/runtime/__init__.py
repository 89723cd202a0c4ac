"""What also runs on the robot: NumPy alone."""
