"""Shotgun transfer: the models of a library that suit a target with few measurements, and an ensemble made of them."""
