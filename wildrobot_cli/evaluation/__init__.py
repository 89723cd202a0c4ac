"""Measuring policies from physics."""
