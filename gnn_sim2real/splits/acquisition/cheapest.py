"""The cheapest first."""

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.splits.acquisition.formula import evaluate, names_in
from gnn_sim2real.splits.acquisition.order import Candidates, Order
from gnn_sim2real.splits.parts import Rows

NUM_ATOMS = "num_atoms"
"""Column of costs that every data set has."""


class CheapestFirst(Order):
    """Next comes the material that is cheapest to calculate, by a formula."""

    name, title, needs_cost = "cheapest", "from the cheapest", True

    def find(self, candidates: Candidates) -> NDArray[np.float64]:
        """Cost of each material.

        Raises:
            ValueError: If a column of the formula does not exist, or has something else than numbers.
        """
        columns = {NUM_ATOMS: candidates.num_atoms.astype(np.float64)}
        for name in sorted(set(names_in(str(candidates.cost))) - {NUM_ATOMS}):
            if name not in candidates.texts:
                known = ", ".join([NUM_ATOMS, *candidates.texts])
                raise ValueError(f"{candidates.name} has no column {name!r} for the cost; it has {known}")
            columns[name] = np.array([_number(text, name) for text in candidates.texts[name]])
        return evaluate(str(candidates.cost), columns)

    def order(self, found: NDArray[np.float64], size: int, seed: int) -> Rows:
        """See `grow_from_cheapest`."""
        return grow_from_cheapest(found, seed)

    def content(self, candidates: Candidates) -> dict[str, str | None]:
        """The formula of the cost."""
        return {"cost": candidates.cost}


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"the cost {text!r} in column {column!r} is not a number; give each material a number"
        ) from None


def grow_from_cheapest(cost: NDArray[np.float64], seed: int) -> Rows:
    """From the cheapest to the most expensive; equally cheap ones in random order.

    Args:
        cost: (num_materials,); in any unit.
        seed: Seed of the order of equally cheap ones.

    Returns:
        (num_materials,); positions.

    Raises:
        ValueError: If a cost is missing.
    """
    missing = int((~np.isfinite(cost)).sum())
    if missing:
        raise ValueError(f"{missing} of {len(cost)} materials have no cost; give each one a number")
    return np.lexsort((np.random.default_rng(seed).random(len(cost)), cost))
