"""What is walked on: a servo bus and an IMU, or a simulation behind a socket."""
