"""Shotgun transfer: find the models of a library that suit a target with few measurements, and make an ensemble."""
