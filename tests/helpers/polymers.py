"""Repeat units whose graph and identity must not depend on where they are cut, or on how they are written."""

POLYMERS = {
    "nylon 6": "*CCCCCC(=O)N*",
    "nylon 66": "*NCCCCCCNC(=O)CCCCC(=O)*",
    "PET": "*OCCOC(=O)c1ccc(C(=O)*)cc1",
    "polystyrene": "*CC(*)c1ccccc1",
    "head-to-head polystyrene": "*CC(c1ccccc1)C(c1ccccc1)C*",
    "PDMS": "*O[Si](C)(C)*",
    "polybutadiene": "*CC=CC*",
    "polyacetylene": "*C=C*",
    "polyimide": "*c1ccc(Oc2ccc(N3C(=O)c4ccc5C(=O)N(*)C(=O)c5c4C3=O)cc2)cc1",
    "PEEK": "*Oc1ccc(Oc2ccc(C(=O)c3ccc(*)cc3)cc2)cc1",
    "polythiophene": "*c1ccc(s1)*",
    "polymethylene": "*C*",
    "polyoxymethylene": "*CO*",
    "quinoid": "*=C1C=CC(=*)C=C1",
    "ionene": "*[N+](C)(C)CCC*",
    "deuterated": "*C([2H])([2H])C(*)c1ccccc1",
    "polyether sulfone": "*c1ccc(cc1)S(=O)(=O)c1ccc(cc1)O*",
    "polycarbodiimide": "*N=C=NCCCC*",
}
