"""The embedded demos: a cheap, biased calculation as source, literature values as target; offline and in minutes."""

from datamodules.demo.data_sets import DemoMeasured as DemoMeasured
from datamodules.demo.data_sets import DemoMeasuredCrystals as DemoMeasuredCrystals
from datamodules.demo.data_sets import DemoSimulated as DemoSimulated
from datamodules.demo.data_sets import DemoSimulatedCrystals as DemoSimulatedCrystals
