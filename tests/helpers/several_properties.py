"""A data set of several properties, asked for by its class path."""

from libraries import DENSITIES
from tiny import TinyPolymers


class SeveralProperties(TinyPolymers):
    """Made-up density and mass of the tiny polymers."""

    def __init__(self, properties: list[str], size: int | str = "all", seed: int = 0, exclude: object = None):
        unknown = sorted(set(properties) - {"density", "mass"})
        if unknown:
            raise ValueError(f"SeveralProperties has no {unknown}")
        columns = {name: values for name, values in DENSITIES.items() if name[0] in properties}
        super().__init__(columns, size=size, seed=seed, exclude=exclude, validation_fraction=0.2)
