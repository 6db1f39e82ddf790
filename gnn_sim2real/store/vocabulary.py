"""Elements, kinds of bonds and charges: which of them a model has seen, and which materials have others."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, NUM_ELEMENTS
from gnn_sim2real.store.averages import find_averages
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import AnyStore, MixtureStore

logger = logging.getLogger(__name__)

_SYMBOLS = (
    "? H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts "
    "Og"
)
_NAMES: Mapping[str, Sequence[str]] = {
    "elements": tuple(_SYMBOLS.split(" ")),
    "bonds": ("other", "single", "double", "triple", "aromatic", "dative"),
    "charges": tuple(f"{charge:+d}" for charge in range(-3, 4)),
    "sites": ("disordered",),
}
"""Name of each code, by what it is of; the largest charges stand for those beyond.

What is of no material of a store, such as disordered sites where all crystals are ordered, is not named at all.
"""

_KINDS = {"elements": "", "bonds": "bond ", "charges": "charge ", "sites": "sites that are "}

_CHUNK = 50_000

Vocabulary = Mapping[str, Sequence[str]]
"""Elements; of materials with bonds kinds of bonds and charges; and disordered sites."""


@dataclass(frozen=True, eq=False)
class Unseen:
    """Materials with something that a model has never seen.

    Attributes:
        rows: (num_materials,); whether it is one of them.
        counts: Number of materials with each element, bond or charge that was never seen, most first.
    """

    rows: NDArray[np.bool_]
    counts: dict[str, int]

    def describe(self, where: str = "") -> str:
        """How many there are, e.g. `12 of 120 materials`.

        Args:
            where: Where they are, for the sentence.
        """
        return f"{int(self.rows.sum()):,} of {len(self.rows):,} materials {where}".rstrip()

    def list_counts(self) -> str:
        """The counts in words, e.g. `F in 10, charge +1 in 2`."""
        return ", ".join(f"{name} in {count:,}" for name, count in self.counts.items())


def find_vocabulary(store: AnyStore, rows: NDArray[np.int64] | None = None) -> dict[str, list[str]]:
    """What some materials are made of.

    Args:
        store: The graphs.
        rows: Rows of the store; all unless given.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for present in _chunks(store, rows):
        for name, columns in present.items():
            seen = np.asarray(columns.any(axis=0))
            found[name] = seen | found[name] if name in found else seen
    return {name: [_NAMES[name][code] for code in np.flatnonzero(seen).tolist()] for name, seen in found.items()}


def find_unseen(store: AnyStore, seen: Vocabulary, rows: NDArray[np.int64] | None = None) -> Unseen:
    """Find the materials with an element, a kind of bond or a charge that is not in a vocabulary.

    Args:
        store: The graphs.
        seen: The vocabulary; what it says nothing of, such as the bonds of crystals, is not compared.
        rows: Rows of the store; all unless given.
    """
    parts, counts = [np.zeros(0, np.bool_)], dict[str, int]()
    for present in _chunks(store, rows):
        hit = np.zeros(len(next(iter(present.values()))), np.bool_)
        known = {"sites": (), **seen}  # who does not name it saw none
        for name in present.keys() & known.keys():
            new = [code for code, spelled in enumerate(_NAMES[name]) if spelled not in known[name]]
            columns = present[name][:, new]
            hit |= columns.any(axis=1)
            for code, count in zip(new, columns.sum(axis=0).tolist(), strict=True):
                if count:
                    what = _KINDS[name] + _NAMES[name][code]
                    counts[what] = counts.get(what, 0) + count
        parts.append(hit)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Unseen(np.concatenate(parts), dict(ordered))


def warn_of_unseen(seen: Vocabulary | None, store: AnyStore, what: str) -> None:
    """Warn of materials with what a model has never seen; nothing is said of a model of which it is not known.

    Args:
        seen: What it has seen, None if that is not known.
        store: Graphs of the materials.
        what: What is done with the materials, e.g. `prediction`.
    """
    if seen is not None and (found := find_unseen(store, seen)).counts:
        logger.warning(
            "%s: %s have what the model never saw in training (%s); their errors can be many times as large",
            what,
            found.describe(),
            found.list_counts(),
        )


def join_vocabularies(first: Vocabulary, second: Vocabulary) -> dict[str, list[str]]:
    """What is in either of two.

    Args:
        first: A vocabulary.
        second: Another one.
    """
    return {
        name: [each for each in names if each in {*first.get(name, ()), *second.get(name, ())}]
        for name, names in _NAMES.items()
        if name in first or name in second
    }


def common_vocabulary(several: Iterable[Vocabulary | None]) -> dict[str, list[str]] | None:
    """What all models of an ensemble have seen: the mean is as wrong as one that has not.

    Args:
        several: The vocabulary of each, None where it is not known.

    Returns:
        What is in each that is known; None if none is.
    """
    known = [each for each in several if each is not None]
    if not known:
        return None
    saying = {name: [each[name] for each in known if name in each] for name in _NAMES}
    if 0 < len(saying["sites"]) < len(known):
        saying["sites"].append(())
    return {
        name: [spelled for spelled in _NAMES[name] if all(spelled in each for each in seen)]
        for name, seen in saying.items()
        if seen
    }


def _chunks(store: AnyStore, rows: NDArray[np.int64] | None) -> Iterator[dict[str, NDArray[np.bool_]]]:
    """Which codes each material has, some materials at a time."""
    wanted = np.arange(len(store)) if rows is None else rows
    if not isinstance(store, MixtureStore):
        for first in range(0, len(wanted), _CHUNK):
            yield _presence(store, wanted[first : first + _CHUNK])
        return
    whole = _presence(store.components, np.arange(len(store.components)))
    nothing = {name: np.concatenate([each, np.zeros_like(each[:1])]) for name, each in whole.items()}
    for first in range(0, len(wanted), _CHUNK):
        members = store.members[wanted[first : first + _CHUNK]]  # -1, for no component, is the last
        yield {name: np.asarray(each[members].any(axis=1)) for name, each in nothing.items()}


def _presence(store: GraphStore, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    number = "species_number" if "species_number" in store.tensors else "atomic_number"
    found = {"elements": _mark(*store.gather(number, rows), len(rows), NUM_ELEMENTS)}
    if "species_share" in store.tensors:
        disordered = find_averages(store, rows)[:, None]
        found |= {"sites": disordered} if disordered.any() else {}
    if "bond_codes" in store.tensors:
        bonds, owner = store.gather("bond_codes", rows)
        found["bonds"] = _mark(bonds[:, list(BOND_CODES).index("order")], owner, len(rows), BOND_CODES["order"])
        atoms, owner = store.gather("atom_codes", rows)
        charges = atoms[:, list(ATOM_CODES).index("formal_charge")]
        found["charges"] = _mark(charges, owner, len(rows), ATOM_CODES["formal_charge"])
    return found


def _mark(codes: NDArray[Any], owner: NDArray[np.int64], num_rows: int, num_codes: int) -> NDArray[np.bool_]:
    present = np.zeros((num_rows, num_codes), np.bool_)
    present[owner, codes] = True
    return present
