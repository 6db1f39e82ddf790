"""Regret of the rules for the weights of an ensemble, on simulated members: `python benchmarks/ensemble_rules.py`.

Each number is the mean absolute error of the ensemble on new rows, relative to that of the member that is best there,
which nobody knows beforehand. All members share a part of their errors, and errors have heavy tails. For each number of
rows there are members of similar worth, a single good one among others, many of which most are bad, and those of a
target that is pure noise, where the first member is the mean and all others only add to it. 20 seconds on one core.
"""

from collections.abc import Callable

import numpy as np

from gnn_sim2real.ensemble.weights import RULES, learn_weights

NUM_DRAWS, NUM_NEW = 40, 1000
Draw = Callable[[np.random.Generator], np.ndarray]

MEMBERS: dict[str, Draw] = {
    "12 similar": lambda random: np.linspace(0.6, 1.0, 12),
    "1 good of 12": lambda random: np.r_[0.4, np.full(11, 1.2)],
    "100, most bad": lambda random: random.uniform(0.5, 3.0, 100),
    "noise, 12": lambda random: np.r_[0.0, np.full(11, 0.5)],
    "noise, 100": lambda random: np.r_[0.0, np.full(99, 0.5)],
}
"""Standard deviations of what members do not share, by the kind of target."""


def regret(rule: str, num_rows: int, draw: Draw, seed: int) -> float:
    """Logarithm of the error of the ensemble relative to that of the best member on new rows."""
    random = np.random.default_rng([num_rows, seed])
    own = draw(random)
    shape = (num_rows + NUM_NEW, 1)
    shared = (1.0 if own[0] == 0 else 0.5) * random.standard_t(4, shape)
    errors = shared + own * random.standard_t(4, (shape[0], len(own)))
    weights = learn_weights(errors[:num_rows], np.zeros(num_rows), rule)
    new = errors[num_rows:]
    return float(np.log(np.abs(new @ weights).mean() / np.abs(new).mean(axis=0).min()))


if __name__ == "__main__":
    print("| rows | members | " + " | ".join(RULES) + " |")
    print("|---|---|" + "---|" * len(RULES))
    for num_rows in (20, 50, 100, 500):
        for name, draw in MEMBERS.items():
            found = [
                np.exp(np.mean([regret(rule, num_rows, draw, seed) for seed in range(NUM_DRAWS)])) for rule in RULES
            ]
            print(f"| {num_rows} | {name} | " + " | ".join(f"{each:.3f}" for each in found) + " |", flush=True)
