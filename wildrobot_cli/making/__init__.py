"""Making reference clips: planned on paper, then realised in physics by the robot's servos."""
