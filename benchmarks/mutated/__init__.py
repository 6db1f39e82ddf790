"""Mutated inputs of every kind, of each of which it is known beforehand what it means."""
