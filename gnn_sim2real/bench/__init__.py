"""The benchmark of sim-to-real scaling: entries of others beside the published ones, and their submissions."""
