"""The published studies: which YAML each was run from, where its result is, and which tables it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gnn_sim2real.records.published import find_published


@dataclass(frozen=True)
class Brought:
    """A table that only the user can bring.

    Attributes:
        name: Its name in data modules.
        relative_path: Its path below the data folder.
        property: Name of its property.
        unit: Unit of the column.
        column: Its column, beside `smiles`.
    """

    name: str
    relative_path: str
    property: str
    unit: str
    column: str


@dataclass(frozen=True)
class Study:
    """A published study.

    Attributes:
        name: Name of the result.
        config: Address of its YAML among those of the package.
        made: Tables that `data make` makes, where they are not in the package; by their names.
        measured: Table of measurements that the user brings, if there is one.
        brought: Further tables that the user brings: their names, with their paths below the data folder.
    """

    name: str
    config: str
    made: tuple[str, ...] = ()
    measured: Brought | None = None
    brought: Mapping[str, str] = field(default_factory=dict)

    @property
    def result(self) -> Path:
        """The published JSON.

        Raises:
            ValueError: If it is missing.
        """
        return find_published(self.name)


_DENSITY = Brought("measured_density", "polymer/measured/density.csv", "density", "g/cm3", "density_g_cm3")
_TG = Brought("measured_tg", "polymer/measured/tg.csv", "glass_transition", "K", "tg_K")
_CRYSTALS = ("mp_structures", "mp_labels")
_LIQUIDS = ("md_liquids", "measured_liquid_density")
_SOLVATION = {
    "cosmo_solvation": "molecule/solvation/cosmo_rs.csv",
    "measured_solvation": "molecule/solvation/measured.csv",
}

STUDIES = {
    each.name: each
    for each in (
        Study("density_open_quick", "polymer/density_open/quick.yaml"),
        Study("density_open", "polymer/density_open/study.yaml"),
        Study("band_gap_open_quick", "crystal/band_gap_open/quick.yaml"),
        Study("band_gap_open", "crystal/band_gap_open/study.yaml"),
        Study("density_open_simulated", "polymer/density_open/simulated.yaml"),
        Study("chi", "mixture/chi/study.yaml"),
        Study("chi_pairs", "mixture/chi_pairs/study.yaml"),
        Study("polymer_density", "polymer/density/study.yaml", measured=_DENSITY),
        Study(
            "polymer_density_from_md_tg",
            "polymer/density/from_md_tg.yaml",
            measured=_DENSITY,
            brought={"md_tg": "polymer/md_tg/md_tg.csv"},
        ),
        Study("glass_transition_from_radonpy", "polymer/glass_transition/from_radonpy.yaml", measured=_TG),
        *(
            Study(f"band_gap{tail}", f"crystal/band_gap/{file}.yaml", (*_CRYSTALS, "measured_band_gap"))
            for tail, file in (
                ("", "study"),
                ("_encoders", "encoders"),
                ("_equal_steps", "equal_steps"),
                ("_limit", "limit"),
            )
        ),
        *(
            Study(
                f"formation_enthalpy{tail}",
                f"crystal/formation_enthalpy/{file}.yaml",
                (*_CRYSTALS, "measured_formation_enthalpy"),
            )
            for tail, file in (("", "study"), ("_limit", "limit"))
        ),
        *(
            Study(f"liquid_density_{name}", f"molecule/liquid_density/{name}.yaml", _LIQUIDS)
            for name in ("from_density", "from_cohesive_energy", "growth", "architectures", "architectures_4e-3")
        ),
        Study("solvation", "mixture/solvation/study.yaml", brought=_SOLVATION),
    )
}
"""The published studies by name."""
