"""Splits of materials into training, validation and test, and the order in which a database grows; pure functions."""
