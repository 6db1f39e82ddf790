"""Measured densities, each beside a simulated one."""

import dataclasses

import numpy as np
from tiny import TinyPolymers


class Simulated(TinyPolymers):
    """The simulated ones are too low and too steep; one in `every` materials has one, from `start` on."""

    def __init__(self, every=1, start=0, **settings):
        super().__init__(**settings)
        self.every, self.start = every, start

    def load_table(self):
        table = super().load_table()
        simulated = np.full(table.values.shape, np.nan)
        chosen = slice(self.start, None, self.every)
        simulated[chosen] = 1.3 * table.values[chosen] - 0.5
        return dataclasses.replace(table, simulated=simulated)
