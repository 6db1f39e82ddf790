"""Source of the demo: repeat units of ordinary polymer chemistry with a simulated refractive index.

The units are enumerated from monomer families, always the same ones in the same order. Their refractive index
is a real but cheap and biased calculation: group contributions for polarizability and volume, and the same
packing for all.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Groups are written from their point of attachment; those of a chain end where the chain goes on.
_ALKYL = (
    "C", "CC", "CCC", "C(C)C", "CCCC", "CC(C)C", "C(C)CC", "C(C)(C)C", "CCCCC", "CC(C)(C)C", "CCCCCC",
    "CC(CC)CCCC", "CCCCCCC", "CCCCCCCC", "CCCCCCCCCC", "CCCCCCCCCCCC", "C1CCCC1", "C1CCCCC1", "CC1CCCCC1",
    "C1CC2CCC1C2", "C12CC3CC(CC(C3)C1)C2",
)  # fmt: skip
_ARYL = (
    "c1ccccc1", "Cc1ccccc1", "CCc1ccccc1", "C(C)c1ccccc1", "c1ccc(C)cc1", "c1ccc(Cl)cc1", "c1ccc(Br)cc1",
    "c1ccc(OC)cc1", "c1ccc(C(C)(C)C)cc1", "c1ccc2ccccc2c1", "c1cccc2ccccc12", "c1ccc(cc1)c1ccccc1",
)  # fmt: skip
_POLAR = (
    "CCO", "CCOC", "CCOCC", "CCCOC", "CC1CO1", "CC1CCCO1", "CCC#N", "CCCl", "CCBr", "CCSC", "CC=C",
    "CCN(C)C", "CCOc1ccccc1", "C[Si](C)(C)C",
)  # fmt: skip
_FLUORINATED = (
    "CC(F)(F)F", "C(C(F)(F)F)C(F)(F)F", "CC(F)(F)C(F)(F)F", "CC(F)(F)C(F)F",
    "CCC(F)(F)C(F)(F)C(F)(F)C(F)(F)F", "c1c(F)c(F)c(F)c(F)c1F",
)  # fmt: skip
_SIDES = (*_ALKYL, *_ARYL, *_POLAR, *_FLUORINATED)
_ALPHAS = ("", "(C)", "(Cl)", "(F)", "(C#N)")
_RING_GROUPS = (
    "F", "Cl", "Br", "I", "C", "CC", "C(C)C", "C(C)(C)C", "O", "OC", "OCC", "OCCCC", "SC", "C#N", "C(F)(F)F",
    "C(C)=O", "C(=O)OC", "N(C)C", "CCl", "c9ccccc9",
)  # fmt: skip
_HETEROARYL = (
    "c1ccccn1", "c1cccnc1", "c1ccncc1", "c1ccco1", "c1cccs1", "c1ccsc1", "n1ccnc1", "n1cccc1", "N1CCCC1=O",
    "N1CCCCCC1=O", "n1c2ccccc2c2ccccc12", "N1C(=O)c2ccccc2C1=O", "N1C(=O)CCC1=O",
)  # fmt: skip
_POLYMETHYLENES = tuple("C" * length for length in (*range(2, 11), 12))
_PARA, _META = "c1ccc(cc1)", "c1cccc(c1)"
_ARYL_LINKS = ("", "O", "S", "C", "C(C)(C)", "C(=O)", "S(=O)(=O)", "C(C(F)(F)F)(C(F)(F)F)")
_BISPHENOLS = (
    *(_PARA + link + _PARA for link in (*_ARYL_LINKS, "C(C)(CC)", "C2(CCCCC2)", "C(C)(c2ccccc2)")),
    "c1c(C)cc(cc1C)C(C)(C)c1cc(C)c(c(C)c1)", "c1c(Br)cc(cc1Br)C(C)(C)c1cc(Br)c(c(Br)c1)",
)  # fmt: skip
_DIOLS = (
    *_POLYMETHYLENES, "CC(C)", "CC(C)(C)C", "CCOCC", "CCOCCOCC", "CCSCC", "CC1CCC(CC1)C", "C1CCC(CC1)",
    f"C{_PARA}C", _PARA, _META, "CC(F)(F)C(F)(F)C", "CC(F)(F)C(F)(F)C(F)(F)C", *_BISPHENOLS,
)  # fmt: skip
_DIACIDS = (
    "", "C", *_POLYMETHYLENES[:7], "CCCCCCCCCC", "C=C", "COC", "CSC", "C1CCC(CC1)", _PARA, _META, "c1ccccc1",
    "c1ccc2cc(ccc2c1)", "c1ccc(o1)", "c1ccc(s1)", "c1c(Cl)cc(c(Cl)c1)", "C(F)(F)C(F)(F)C(F)(F)C(F)(F)",
)  # fmt: skip
_DIAMINES = (
    *_POLYMETHYLENES, "CC(C)(C)CC(C)CC", f"C{_META}C", "C1CCC(CC1)CC1CCC(CC1)", _PARA, _META,
    *(_PARA + link + _PARA for link in ("O", "C", "S(=O)(=O)")),
)  # fmt: skip
_DIISOCYANATES = (
    "CCCCCC", f"{_PARA}C{_PARA}", "c1cc(C)c(cc1)", "C1CC(CC(C)(C)C1)C", "C1CCC(CC1)CC1CCC(CC1)", f"C{_META}C",
)  # fmt: skip
_DIANHYDRIDES = (
    "N1C(=O)c2cc3C(=O)N({})C(=O)c3cc2C1=O",
    *(
        "N1C(=O)c2ccc(cc2C1=O)" + link + "c1ccc2C(=O)N({})C(=O)c2c1"
        for link in ("", "O", "C(=O)", "C(C(F)(F)F)(C(F)(F)F)")
    ),
)

# Bondi spheres of each element [Å³] as in Zhao et al. 2003.
_VDW_VOLUMES = {
    1: 7.24, 6: 20.58, 7: 15.60, 8: 14.71, 9: 13.31, 14: 38.79, 15: 24.43, 16: 24.43, 17: 22.45,
    35: 26.52, 53: 32.52,
}  # fmt: skip
_BOND_OVERLAP, _AROMATIC_RING_OVERLAP, _OTHER_RING_OVERLAP = 5.92, 14.7, 3.8
_AMORPHOUS_OVER_VDW = 1.60
"""Molar volume of an amorphous polymer at 298 K over its van der Waals volume."""
_CM3_PER_MOL = 0.602214076
"""One Å³ per molecule in cm³/mol."""


def generate_repeat_units() -> list[str]:
    """Enumerate the repeat units of the demo source.

    Returns:
        About 4,000 repeat-unit SMILES with two `*`, each another polymer, always in the same order.
    """
    from gnn_sim2real.featurize.identity import repeat_unit_identity

    families = (_vinyl_units(), _substituted_units(), _ring_opened_units(), _condensed_units(), _aryl_units())
    unique: dict[str, str] = {}
    for family in families:
        for unit in family:
            unique.setdefault(repeat_unit_identity(unit), unit)
    return list(unique.values())


def simulated_refractive_index(psmiles: str) -> float:
    """Calculate the refractive index of an amorphous polymer from its repeat unit.

    Lorentz-Lorenz, `n = sqrt((1 + 2 x) / (1 - x))` with `x = R / V`. The molar refraction R is the sum of
    Crippen's atomic contributions, the molar volume V is 1.60 times the van der Waals volume from atoms,
    bonds and rings. Atoms are typed within the chain, so neither the cut nor a doubled unit changes n.
    Nothing is fitted to measurements; crystallinity, packing and long conjugation are not seen.

    References: Wildman and Crippen, J. Chem. Inf. Comput. Sci. 39, 868 (1999), doi:10.1021/ci990307l; Zhao,
    Abraham and Zissimos, J. Org. Chem. 68, 7368 (2003), doi:10.1021/jo034808o; van Krevelen and te Nijenhuis,
    Properties of Polymers, 4th ed. (2009), chapter 4, for 1.60.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Returns:
        The refractive index at visible wavelengths, dimensionless.

    Raises:
        ValueError: If the text is not a repeat unit, or an element has no van der Waals volume in the table.
    """
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    from gnn_sim2real.featurize.chain import build_chain

    chain = build_chain(psmiles)
    # Hydrogens come after all other atoms, and only those of the middle copy get an atom of their own.
    mol = Chem.AddHs(chain.mol, onlyOnAtoms=list(chain.atoms))
    hydrogens = range(chain.mol.GetNumAtoms(), mol.GetNumAtoms())
    # The function has no public name in rdkit, but is how its documentation gives contributions per atom.
    contributions = rdMolDescriptors._CalcCrippenContribs(mol)
    refraction = sum(contributions[index][1] for index in (*chain.atoms, *hydrogens))

    volume = len(hydrogens) * _VDW_VOLUMES[1]
    for index in chain.atoms:
        atom = mol.GetAtomWithIdx(index)
        if atom.GetAtomicNum() not in _VDW_VOLUMES:
            known = ", ".join(Chem.GetPeriodicTable().GetElementSymbol(number) for number in _VDW_VOLUMES)
            raise ValueError(f"no van der Waals volume for {atom.GetSymbol()} in {psmiles!r}; these have one: {known}")
        volume += _VDW_VOLUMES[atom.GetAtomicNum()]
    # Every copy owns one of the two bonds to its neighbors.
    volume -= _BOND_OVERLAP * (len(chain.bonds) + 1 + len(hydrogens))
    for ring in mol.GetRingInfo().BondRings():
        if ring[0] in chain.bonds:
            aromatic = all(mol.GetBondWithIdx(bond).GetIsAromatic() for bond in ring)
            volume -= _AROMATIC_RING_OVERLAP if aromatic else _OTHER_RING_OVERLAP
    x = refraction / (_AMORPHOUS_OVER_VDW * _CM3_PER_MOL * volume)
    return sqrt((1 + 2 * x) / (1 - x))


def demo_source() -> "pd.DataFrame":
    """Simulate the whole source of the demo.

    Returns:
        One row per repeat unit, with columns `smiles` and `refractive_index`.
    """
    import pandas as pd

    units = generate_repeat_units()
    values = [simulated_refractive_index(unit) for unit in units]
    return pd.DataFrame({"smiles": units, "refractive_index": values})


def _vinyl_units() -> Iterator[str]:
    """Polymers of monomers with one or two double bonds, whose side groups vary."""
    for side, alpha in product(_SIDES, _ALPHAS):
        yield f"*CC(*){alpha}C(=O)O{side}"
    for side, alpha in product(_SIDES, _ALPHAS[:2]):
        yield f"*CC(*){alpha}C(=O)N{side}"
        yield f"*CC(*){alpha}{side}"
        yield f"*CC(*){alpha}O{side}"
    for side in _SIDES:
        yield f"*CC(*)S{side}"
        yield f"*CC(*)OC(=O){side}"
        yield f"*CC(*)C(=O){side}"
        yield f"*CC(*)C(=O)N(C){side}"
        yield f"*C(C(=O)O{side})C(*)C(=O)O{side}"
        yield f"*CC(*)(C(=O)O{side})CC(=O)O{side}"
    for group, alpha in product((*_HETEROARYL, "C#N", "C(=O)O", "C(=O)N", "C(=O)N(C)C", "O", "C=O"), _ALPHAS[:2]):
        yield f"*CC(*){alpha}{group}"


def _substituted_units() -> Iterator[str]:
    """Styrenes, halogenated ethylenes and dienes, whose substituents vary."""
    for group, alpha in product(_RING_GROUPS, _ALPHAS[:2]):
        yield f"*CC(*){alpha}c1ccccc1{group}"
        yield f"*CC(*){alpha}c1cccc({group})c1"
        yield f"*CC(*){alpha}c1ccc({group})cc1"
    for first, second in combinations_with_replacement(("F", "Cl", "Br", "C", "OC", "C(C)(C)C", "C(F)(F)F"), 2):
        yield f"*CC(*)c1ccc({first})cc1{second}"
        yield f"*CC(*)c1ccc({first})c({second})c1"
        yield f"*CC(*)c1cc({first})cc({second})c1"
        yield f"*CC(*)c1cc({first})ccc1{second}"
        yield f"*CC(*)c1c({first})cccc1{second}"
    carbons = [
        "C" + "".join(f"({group})" for group in pair if group)
        for pair in combinations_with_replacement(("", "C", "F", "Cl", "Br", "C(F)(F)F"), 2)
    ]
    for first, second in combinations_with_replacement(carbons, 2):
        yield f"*{first}{second}*"
    groups = ("", "(C)", "(CC)", "(C(C)C)", "(CCCCCC)", "(F)", "(Cl)", "(C#N)", "(OC)", "(c1ccccc1)")
    for first, second in product(groups, groups):
        yield f"*CC{first}=C{second}C*"
        yield f"*CC(*){first}C{second}=C"


def _ring_opened_units() -> Iterator[str]:
    """Polyethers, polysulfides, sulfones, lactones, lactams, siloxanes and phosphazenes."""
    for side in _SIDES:
        yield f"*CC({side})O*"
        yield f"*CC(CO{side})O*"
        yield f"*CC({side})S*"
        yield f"*CC(CO{side})S*"
        yield f"*CC({side})S(=O)(=O)*"
        yield f"*CCN(*)C(=O){side}"
        yield f"*OC({side})C(=O)*"
        yield f"*NC({side})C(=O)*"
        yield f"*[Si](C)({side})O*"
        yield f"*[Si](C)({side})CC*"
        yield f"*N=P(*)(O{side})O{side}"
    for core in ("C", *_DIOLS):
        yield f"*O{core}*"
        yield f"*S{core}*"
        yield f"*O{core}OC*"
        yield f"*S{core}S(=O)(=O)*"
        yield f"*S{core}S*"
        yield f"*O{core}C(=O)*"
        yield f"*S{core}C(=O)*"
        yield f"*N{core}C(=O)*"
        yield f"*N(C){core}C(=O)*"
    for first, second in combinations_with_replacement(("C", "CC", "C=C", "CCC(F)(F)F", "c1ccccc1"), 2):
        yield f"*[Si]({first})({second})O*"


def _condensed_units() -> Iterator[str]:
    """Polyesters, polyamides, polycarbonates, polyurethanes, polyureas and polyimides."""
    for acid, diol in product(_DIACIDS, _DIOLS):
        yield f"*C(=O){acid}C(=O)O{diol}O*"
    for acid, diamine in product(_DIACIDS, _DIAMINES):
        yield f"*C(=O){acid}C(=O)N{diamine}N*"
    for diol in _DIOLS:
        yield f"*O{diol}OC(=O)*"
        yield f"*O{diol}OC(=S)*"
        yield f"*S{diol}SC(=O)*"
    for core, diol in product(_DIISOCYANATES, _DIOLS[::2]):
        yield f"*C(=O)N{core}NC(=O)O{diol}O*"
    for core, diamine in product(_DIISOCYANATES, _DIAMINES[::2]):
        yield f"*C(=O)N{core}NC(=O)N{diamine}N*"
    for dianhydride, diamine in product(_DIANHYDRIDES, _DIAMINES):
        yield f"*{diamine}{dianhydride.format('*')}"


def _aryl_units() -> Iterator[str]:
    """Chains of phenylenes: poly(phenylene oxides, sulfides), poly(ether ketones), poly(ether sulfones)."""
    for count in (1, 2, 3):
        for links in product(_ARYL_LINKS, repeat=count):
            yield "*" + "".join(link + _PARA for link in links) + "*"
    for first, second in combinations_with_replacement(("C", "CC", "Cl", "Br", "OC", "c2ccccc2"), 2):
        yield f"*Oc1c({first})cc(cc1{second})*"
    for bisphenol, link in product(_BISPHENOLS, ("C(=O)", "S(=O)(=O)", "P(C)(=O)", "C(=O)" + _PARA + "C(=O)")):
        yield f"*O{bisphenol}O{_PARA}{link}{_PARA}*"
