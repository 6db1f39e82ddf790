"""Featurizers: from a material as users write it to a `Graph`."""
