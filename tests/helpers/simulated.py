"""Measured densities, each beside a simulated one."""

import dataclasses

from tiny import TinyPolymers


class Simulated(TinyPolymers):
    """The simulated ones are too low and too steep."""

    def load_table(self):
        table = super().load_table()
        return dataclasses.replace(table, simulated=1.3 * table.values - 0.5)
