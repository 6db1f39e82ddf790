"""Target of the crystal demo: lattice energies of halides from measured heats, by the cycle of Born and Haber.

Enthalpies of formation and of atomization are those of one handbook, see `HANDBOOK`. A compound is here only if a
second, public compilation agrees within 10 kJ/mol, so the rows are those on which the literature is of one mind; and
only if it crystallizes in one of the prototypes. Oxides and sulfides are left out: the second electron affinity of
their anions is not a measurement, but taken from calculated lattice energies.
"""

from typing import TYPE_CHECKING

from datamodules.demo.crystals import Ion, simulate
from datamodules.demo.prototypes import (
    BISMUTH_TRIIODIDE,
    CADMIUM_CHLORIDE,
    CADMIUM_IODIDE,
    CESIUM_CHLORIDE,
    FLUORITE,
    ROCK_SALT,
    RUTILE,
    WURTZITE,
    ZINC_BLENDE,
    Prototype,
)

if TYPE_CHECKING:
    import pandas as pd

HANDBOOK = (
    "Standard thermodynamic properties of chemical substances, in W. M. Haynes (ed.), CRC Handbook of Chemistry and "
    "Physics, 95th ed., CRC Press, 2014, section 5"
)
KJ_PER_MOL = 1 / 96.48533212
"""One kJ/mol in eV: over the Faraday constant."""

ATOMIZATION_ENTHALPY = {
    "F": 79.4, "Cl": 121.3, "Br": 111.9, "I": 106.8,
    "Li": 159.3, "Na": 107.5, "K": 89.0, "Rb": 80.9, "Cs": 76.5, "Cu": 337.4, "Ag": 284.9, "Tl": 182.2,
    "Mg": 147.1, "Ca": 177.8, "Sr": 164.4, "Ba": 180.0, "Mn": 280.7, "Fe": 416.3, "Co": 424.7, "Ni": 429.7,
    "Zn": 130.4, "Cd": 111.8, "Pb": 195.2, "Sc": 377.8, "Ti": 473.0, "V": 514.2,
}  # fmt: skip
"""Enthalpy of formation of the gaseous atom at 298.15 K [kJ/mol]; see `HANDBOOK`."""

_COMPOUNDS: dict[Prototype, str] = {
    ROCK_SALT: """
        Li F -616.0, Li Cl -408.6, Li Br -351.2, Li I -270.4, Na F -576.6, Na Cl -411.2, Na Br -361.1, Na I -287.8,
        K F -567.3, K Cl -436.5, K Br -393.8, K I -327.9, Rb F -557.7, Rb Cl -435.4, Rb Br -394.6, Rb I -333.8,
        Cs F -553.5, Ag F -204.6, Ag Cl -127.0, Ag Br -100.4""",
    CESIUM_CHLORIDE: "Cs Cl -443.0, Cs Br -405.8, Cs I -346.6, Tl Cl -204.1, Tl Br -173.2",
    ZINC_BLENDE: "Cu Cl -137.2, Cu Br -104.6, Cu I -67.8",
    WURTZITE: "Ag I -61.8",
    FLUORITE: "Ca F -1228.0, Sr F -1216.3, Ba F -1207.1, Cd F -700.4, Sr Cl -828.9",
    RUTILE: "Mg F -1124.2, Fe F -711.3, Ni F -651.4, Zn F -764.4",
    CADMIUM_CHLORIDE: """
        Mg Cl -641.3, Mn Cl -481.3, Fe Cl -341.8, Co Cl -312.5, Ni Cl -305.3, Cd Cl -391.5, Ni Br -212.1,
        Cd Br -316.2""",
    CADMIUM_IODIDE: """
        Mg Br -524.3, Mg I -364.0, Ca I -533.5, Ti Cl -513.8, Ti Br -402.0, Mn Br -384.9, Fe Br -249.8, Fe I -113.0,
        Co Br -220.9, Cd I -203.3, Pb I -175.5""",
    BISMUTH_TRIIODIDE: "Sc Cl -925.1, Ti Cl -720.9, V Cl -580.7, Fe Cl -399.5, Fe Br -268.2",
}
"""Cation, anion and standard enthalpy of formation at 298.15 K [kJ/mol], by prototype; see `HANDBOOK`."""


def demo_halides() -> "pd.DataFrame":
    """Lattice energies of halides from measured heats.

    The structure of a compound is that which its source row would have, simulated lattice constant included: its
    prototype is what its user knows, and all that is known of the compounds of the source.

    Returns:
        One row per compound, with columns `name`, `formula`, `crystal`, `formation_enthalpy` [kJ/mol], `lattice_energy`
        [eV/atom], `simulated` [eV/atom] and `reference`.
    """
    import pandas as pd

    rows = []
    for prototype, compounds in _COMPOUNDS.items():
        number = prototype.formula[-1]
        for compound in compounds.split(","):
            metal, halogen, enthalpy = compound.split()
            simulated = simulate(prototype, [Ion(metal, number), Ion(halogen, -1)])
            rows.append(
                {
                    "name": simulated.name,
                    "formula": simulated.formula,
                    "crystal": simulated.crystal,
                    "formation_enthalpy": float(enthalpy),
                    "lattice_energy": born_haber_energy(metal, halogen, number, float(enthalpy)) / (1 + number),
                    "simulated": simulated.lattice_energy,
                    "reference": HANDBOOK,
                }
            )
    return pd.DataFrame(rows)


def born_haber_energy(metal: str, halogen: str, number: int, formation_enthalpy: float) -> float:
    """Enthalpy of a halide of one metal atom against its gaseous ions, at 298.15 K.

    The metal is atomized and ionized, the halogen is atomized and takes up the electrons; what the formation of the
    compound leaves of their sum is the lattice. Ionization energies and electron affinities are those of pymatgen, for
    0 K: the heat of the free electrons cancels. The static lattice energy lies below this by RT/2 an atom, 0.013 eV, an
    order of magnitude less than what a calculation of ions is wrong by.

    References: M. Born, Verh. Dtsch. Phys. Ges. 21, 679 (1919); F. Haber, ibid. 21, 750 (1919); H. D. B. Jenkins, J.
    Chem. Educ. 82, 950 (2005), doi:10.1021/ed082p950, for RT/2.

    Args:
        metal: Symbol of the metal.
        halogen: Symbol of the halogen.
        number: Number of halogen atoms, the charge of the metal.
        formation_enthalpy: Standard enthalpy of formation [kJ/mol].

    Returns:
        Energy [eV] of one formula unit, negative.
    """
    from pymatgen.core.periodic_table import Element

    atoms = ATOMIZATION_ENTHALPY[metal] + number * ATOMIZATION_ENTHALPY[halogen]
    ionization = float(sum(Element(metal).ionization_energies[:number]))
    ions = atoms * KJ_PER_MOL + ionization - number * float(Element(halogen).electron_affinity)
    return formation_enthalpy * KJ_PER_MOL - ions
