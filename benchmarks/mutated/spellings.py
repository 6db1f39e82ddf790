"""SMILES, PSMILES and formulas."""

import random
from collections.abc import Iterator

from rdkit import Chem, rdBase

from gnn_sim2real.featurize.composition import reduced_formula
from gnn_sim2real.featurize.identity import molecule_identity, repeat_unit_identity
from mutated.trial import NOTHING, OtherThan, Trial

REPEAT_UNITS = (
    *("*CC*", "*CC(C)*", "*CC(*)c1ccccc1", "*CCO*", "*CC(C)(C(=O)OC)*", "*c1ccc(cc1)C(=O)O*", "*C(F)(F)C(F)(F)*"),
    *("*OCCOC(=O)c1ccc(cc1)C(=O)*", "*NC(=O)CCCCC*", "*[Si](C)(C)O*"),
)
MOLECULES = (
    *("CCO", "c1ccccc1", "CC(=O)O", "C[N+](C)(C)C", "FC(F)(F)Cl", "C[C@H](N)C(=O)O", "O=C=O", "c1ccncc1", "CS(C)=O"),
    "OCC1OC(O)C(O)C(O)C1O",
)
FORMULAS = ("NaCl", "TiO2", "CaTiO3", "Al2O3", "MgSiO3", "LiFePO4", "GaAs", "YBa2Cu3O7", "Bi2Te3", "CuSO4")
FOREIGN = "\u0421\u041e\u03bf\uff23\u00ad\u200b\U0001f9ea\u2217\u0301"
"""Letters that look like others, or like nothing."""
_SUBSCRIPTS = str.maketrans("0123456789", "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089")


def spelling_trials(kind: str, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated PSMILES (`kind` repeat_unit) or SMILES (molecule)."""
    bases, identity = (REPEAT_UNITS, repeat_unit_identity) if kind == "repeat_unit" else (MOLECULES, molecule_identity)
    rdBase.DisableLog("rdApp.*")
    for base in bases:
        meaning = identity(base)
        yield Trial("as it is", base, meaning, sound=True)
        for _ in range(rounds):
            place = rng.randrange(1, len(base))
            yield Trial(
                "space and marks at the ends",
                rng.choice((f" {base} ", f"{base}\n", f"\ufeff{base}")),
                meaning,
                sound=True,
            )
            mol = Chem.MolFromSmiles(base)
            yield Trial("another order of the atoms", Chem.MolToSmiles(mol, doRandom=True), meaning, sound=True)
            yield Trial("foreign letter", base[:place] + rng.choice(FOREIGN[:-1]) + base[place:], NOTHING)
            yield Trial("foreign letter at the end", base + rng.choice(FOREIGN[:4]), NOTHING)
            yield Trial("parenthesis", base[:place] + rng.choice("()") + base[place:], NOTHING)
            yield Trial("open ring", f"{base[:-1]}C8{base[-1]}", NOTHING)
            yield Trial("unknown element", f"{base[:-1]}[Xx]{base[-1]}", NOTHING)
            if kind == "repeat_unit":
                cut = base[:place]
                yield Trial("cut", cut, NOTHING if cut.count("*") < 2 else OtherThan(meaning))
                yield Trial("third end", f"{base[:-1]}C(*)*", NOTHING)
                yield Trial("another atom", f"{base[:-1]}O*", OtherThan(meaning))
            else:
                yield Trial("another atom", f"S{base}", OtherThan(meaning))


def read_spelling(kind: str, text: str) -> str:
    """The identity of a material."""
    return (repeat_unit_identity if kind == "repeat_unit" else molecule_identity)(text)


def formula_trials(rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated formulas; a hydrate means its parts together."""
    for base in FORMULAS:
        meaning = reduced_formula(base)
        yield Trial("as it is", base, meaning, sound=True)
        for _ in range(rounds):
            place = rng.randrange(1, len(base))
            water = rng.randint(2, 12)
            hydrate = reduced_formula(f"{base}(H2O){water}")
            yield Trial("space", f" {base} ", meaning)
            yield Trial("subscripts", base.translate(_SUBSCRIPTS), meaning)
            yield Trial("parentheses", f"({base}){rng.randint(1, 4)}", meaning)
            yield Trial("hydrate with a dot", f"{base}.{water}H2O", hydrate, sound=True)
            yield Trial("hydrate with a middle dot", f"{base}\u00b7{water}H2O", hydrate)
            yield Trial("hydrate with a star", f"{base}*{water}H2O", hydrate)
            yield Trial("unknown element", base[:1] + "Xq" + base[1:], NOTHING)
            yield Trial("small letters", base.lower() + "q", NOTHING)
            yield Trial("parenthesis", base[:place] + rng.choice("()") + base[place:], NOTHING)
            yield Trial("negative amount", f"{base}-{rng.randint(1, 9)}", NOTHING)
            yield Trial("amount of nothing", f"{base}O0", meaning)
            yield Trial("foreign letter", base[:place] + rng.choice(FOREIGN[:4]) + base[place:], NOTHING)
            yield Trial("more of one", f"{base}Xe{rng.randint(1, 9)}", OtherThan(meaning))
