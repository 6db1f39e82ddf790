"""Data sets as Lightning data modules: one data sheet a file. A leaf: `gnn_sim2real` never imports it."""

from datamodules.demo import DemoMeasured as DemoMeasured
from datamodules.demo import DemoSimulated as DemoSimulated
from datamodules.polymer_table import PolymerTable as PolymerTable
from datamodules.radonpy import RadonPy as RadonPy
