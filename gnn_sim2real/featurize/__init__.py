"""Featurizers: from a material as users write it down to a `Graph`."""
