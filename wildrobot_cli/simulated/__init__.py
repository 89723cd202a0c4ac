"""A robot in MuJoCo C, for the runtime to drive. No JAX in here."""
