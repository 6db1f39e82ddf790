"""Data sets as Lightning data modules, one per file. A leaf: `gnn_sim2real` never imports it."""

from typing import TYPE_CHECKING

from datamodules.files.table import Table as Table
from gnn_sim2real.data.module import PropertyDataModule as _PropertyDataModule
from gnn_sim2real.plugins import find_subclasses as _find_subclasses

if TYPE_CHECKING:
    from datamodules.aflow import AflowAGL as AflowAGL
    from datamodules.chi import CosmoChi as CosmoChi
    from datamodules.chi import MeasuredChi as MeasuredChi
    from datamodules.demo.data_sets import DemoMeasured as DemoMeasured
    from datamodules.demo.data_sets import DemoMeasuredCrystals as DemoMeasuredCrystals
    from datamodules.demo.data_sets import DemoSimulated as DemoSimulated
    from datamodules.demo.data_sets import DemoSimulatedCrystals as DemoSimulatedCrystals
    from datamodules.files.blend_table import BlendTable as BlendTable
    from datamodules.files.crystal_folder import CrystalFolder as CrystalFolder
    from datamodules.files.pair_table import PairTable as PairTable
    from datamodules.files.polymer_table import PolymerTable as PolymerTable
    from datamodules.files.table import MaterialTable as MaterialTable
    from datamodules.liquids import MeasuredLiquids as MeasuredLiquids
    from datamodules.liquids import SimulatedLiquids as SimulatedLiquids
    from datamodules.many_sources import ManySources as ManySources
    from datamodules.matbench import Matbench as Matbench
    from datamodules.materials_project import MaterialsProjectTables as MaterialsProjectTables
    from datamodules.materials_project_api import MaterialsProject as MaterialsProject
    from datamodules.materials_project_formulas import MaterialsProjectFormulas as MaterialsProjectFormulas
    from datamodules.measured_crystals import MeasuredCrystals as MeasuredCrystals
    from datamodules.measured_molecules import MeasuredMolecules as MeasuredMolecules
    from datamodules.obelix import OBELiX as OBELiX
    from datamodules.optimade import Optimade as Optimade
    from datamodules.polyinfo import PoLyInfo as PoLyInfo
    from datamodules.radonpy import RadonPy as RadonPy
    from datamodules.solvation import CosmoSolvation as CosmoSolvation
    from datamodules.solvation import MeasuredSolvation as MeasuredSolvation

# Every data module in a file of these folders: what stands above is for type checkers.
_FOLDERS = __name__, f"{__name__}.demo", f"{__name__}.files"
globals().update(_find_subclasses(_PropertyDataModule, *_FOLDERS))  # type: ignore[type-abstract]
