"""Graphs as columns on disk: one file for all materials, opened memory-mapped."""
