"""Proof of an environment before anyone trains on it."""
