"""Target of the demo: measured refractive indices of common polymers, each with a reference.

Typed from handbooks and papers; where one gives a range, its middle is taken. A row is here only if the
public compilation of polymerdatabase.com agrees within 0.01, so the rows are those on which the literature is
of one mind, not a random choice: polystyrene, for one, is missing. Values are for visible light, mostly the
sodium D line, at room temperature.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SEFERIS = "J. C. Seferis, Refractive indices of polymers, in Polymer Handbook, 4th ed., Wiley, 1999, VI/571"
_VAN_KREVELEN = "D. W. van Krevelen and K. te Nijenhuis, Properties of Polymers, 4th ed., Elsevier, 2009, chapter 10"
_BICERANO = "J. Bicerano, Prediction of Polymer Properties, 3rd ed., Marcel Dekker, 2002, chapter 8"
_SULTANOVA = "N. Sultanova et al., Acta Phys. Pol. A 116, 585 (2009)"
_ZHANG = "X. Zhang et al., Appl. Opt. 59, 2337 (2020), doi:10.1364/AO.383831"
_BRASSE = "Y. Brasse et al., ACS Appl. Mater. Interfaces 10, 3133 (2018), doi:10.1021/acsami.7b16941"
_SOLVAY = "Solvay, Radel PPSU design guide"

_ROWS = (
    ("polypropylene", "*CC(*)C", 1.490, _VAN_KREVELEN),
    ("polyisobutylene", "*CC(*)(C)C", 1.508, _VAN_KREVELEN),
    ("poly(1-decene)", "*CC(*)CCCCCCCC", 1.473, _SEFERIS),
    ("poly(4-methyl-1-pentene)", "*CC(*)CC(C)C", 1.463, _SEFERIS),
    ("1,4-polyisoprene (natural rubber)", "*CC(C)=CC*", 1.519, _SEFERIS),
    ("polychloroprene", "*CC(Cl)=CC*", 1.556, _SEFERIS),
    ("poly(vinylidene fluoride)", "*CC(*)(F)F", 1.420, _SEFERIS),
    ("polyacrylonitrile", "*CC(*)C#N", 1.514, _VAN_KREVELEN),
    ("poly(methyl acrylate)", "*CC(*)C(=O)OC", 1.479, _VAN_KREVELEN),
    ("poly(ethyl acrylate)", "*CC(*)C(=O)OCC", 1.4685, _SEFERIS),
    ("poly(butyl acrylate)", "*CC(*)C(=O)OCCCC", 1.466, _SEFERIS),
    ("poly(methyl methacrylate)", "*CC(*)(C)C(=O)OC", 1.491, _SULTANOVA),
    ("poly(cyclohexyl methacrylate)", "*CC(*)(C)C(=O)OC1CCCCC1", 1.5066, _SEFERIS),
    ("poly(ethyl alpha-chloroacrylate)", "*CC(*)(Cl)C(=O)OCC", 1.502, _SEFERIS),
    ("poly(N-isopropylacrylamide)", "*CC(*)C(=O)NC(C)C", 1.503, _BRASSE),
    ("poly(propylene oxide)", "*CC(C)O*", 1.457, _SEFERIS),
    ("poly(propylene sulfide)", "*CC(C)S*", 1.596, _BICERANO),
    ("nylon 6,6", "*C(=O)CCCCC(=O)NCCCCCCN*", 1.530, _SEFERIS),
    ("nylon 6,10", "*C(=O)CCCCCCCCC(=O)NCCCCCCN*", 1.530, _SEFERIS),
    ("poly(ethylene terephthalate)", "*C(=O)c1ccc(cc1)C(=O)OCCO*", 1.569, _ZHANG),
    ("polyphenylsulfone", "*Oc1ccc(cc1)-c1ccc(cc1)Oc1ccc(cc1)S(=O)(=O)c1ccc(cc1)*", 1.672, _SOLVAY),
)


def demo_target() -> "pd.DataFrame":
    """Measured refractive indices of common polymers.

    Returns:
        One row per polymer, with columns `name`, `smiles` (repeat unit), `refractive_index` and `reference`.
    """
    import pandas as pd

    return pd.DataFrame(list(_ROWS), columns=["name", "smiles", "refractive_index", "reference"])
