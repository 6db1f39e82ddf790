"""Does `law next` save computing? A simulated study that follows it, against one with evenly spaced sizes.

Both begin with the same three seeds of five small sizes, and train further models until the 90 % interval of the error
at eight times the largest of them is as narrow as wanted. The one trains what `law next` proposes. The other trains,
round by round, one more seed of sizes that are evenly spaced in their logarithms, in three ways: those of the
beginning, six sizes up to twice, and six up to four times their largest. A model costs as much as its size. Each of the
three ways is a rival, and so is the best of them, curve by curve, which nobody knows beforehand.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from machine import processor, publish, versions

from gnn_sim2real.law import Models
from gnn_sim2real.law.design import next_size
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.frame import Draws

START = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])
SEEDS = 3
FACTOR, LARGEST = 8.0, 4.0
NOISE, COMMON = 0.05, 0.02
SHARE = 0.5
MOST_ROUNDS = 12
WANTED = 1.5
_RESULT = Path(__file__).parent / "results" / "law_next.json"
Errors = Callable[[np.ndarray], np.ndarray]


class Study:
    """A study that grows: models with what a seed does to a whole curve, and noise of their own."""

    def __init__(self, errors: Errors, seed: int, draws: int) -> None:
        self.errors, self.draws = errors, draws
        self.random = np.random.default_rng(seed)
        self.effects: dict[int, float] = {}
        self.sizes: list[float] = []
        self.values: list[float] = []
        self.seeds: list[int] = []
        for number in range(SEEDS):
            self.train(START, number)
        self.cost = 0.0  # of what is trained beyond the beginning

    def train(self, sizes: np.ndarray, seed: int) -> None:
        """Train a model of each size with a seed."""
        effect = self.effects.setdefault(seed, COMMON * self.random.standard_normal())
        for size in sizes.tolist():
            self.sizes.append(size)
            noise = effect + NOISE * self.random.standard_normal()
            self.values.append(float(self.errors(np.array(size)) * np.exp(noise)))
            self.seeds.append(seed)
        self.cost = getattr(self, "cost", 0.0) + float(sizes.sum())

    def models(self) -> Models:
        return Models(self.sizes, self.values, list(self.seeds))

    def law(self):
        return fit_law(self.models(), draws=Draws(num_resamples=self.draws))

    def width(self, law) -> float:
        """Width of the forecast as a share of the true error."""
        low, high = map(float, law.predict_interval(FACTOR * START[-1]))
        return (high - low) / float(self.errors(np.array(FACTOR * START[-1])))

    def next_seed(self, size: float) -> int:
        """The lowest seed that has no model of a size."""
        there = {seed for each, seed in zip(self.sizes, self.seeds, strict=True) if each == size}
        return next(seed for seed in range(len(there) + 1) if seed not in there)


def follow(study: Study, wanted: float) -> float:
    """Train what is proposed until the interval is narrow enough; the cost, or infinity."""
    law = study.law()
    for _ in range(4 * MOST_ROUNDS):
        if study.width(law) <= wanted:
            return study.cost
        largest = LARGEST * START[-1]
        step = next_size(law, study.models(), wanted=f"forecast@{FACTOR * START[-1]:g}", largest=largest).best
        if step is None:
            break
        for size in np.unique(study.sizes) if step.source_size is None else [step.source_size]:
            for _ in range(step.num_models):
                study.train(np.array([float(size)]), study.next_seed(float(size)))
        law = study.law()
    return np.inf


def spaced(study: Study, wanted: float, sizes: np.ndarray) -> float:
    """Train one seed after the other of evenly spaced sizes until the interval is narrow enough."""
    for _ in range(MOST_ROUNDS):
        if study.width(study.law()) <= wanted:
            return study.cost
        for size in sizes:
            study.train(np.array([size]), study.next_seed(float(size)))
    return np.inf


def curves(count: int) -> list[tuple[str, Errors]]:
    random = np.random.default_rng(0)
    found: list[tuple[str, Errors]] = []
    for _ in range(count):
        alpha, gap = random.uniform(0.2, 0.6), random.uniform(0.02, 0.15)
        onset, scale = np.exp(random.uniform(np.log(50), np.log(500))), random.uniform(0.5, 2.0)
        found.append(("limit", lambda n, a=alpha, c=gap, s=scale: s * ((n / 100.0) ** -a + c)))
        found.append(("power", lambda n, a=alpha, s=scale: s * (n / 100.0) ** -a))
        found.append(("saturating", lambda n, a=alpha, c=gap, o=onset, s=scale: s * ((1.0 + n / o) ** -a + c)))
    return found


def ratios(costs: np.ndarray, of_ours: np.ndarray) -> np.ndarray:
    """How many times as much as ours each costs; 1 where both had the width from the start."""
    return np.where(costs == of_ours, 1.0, costs / np.maximum(of_ours, 1.0))


def capped(costs: np.ndarray) -> np.ndarray:
    """Costs, where a width that was not reached counts as the dearest rival design would at its last round."""
    return np.minimum(costs, MOST_ROUNDS * float(np.geomspace(START[0], LARGEST * START[-1], 6).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=20, help="curves of each family")
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--output", type=Path, default=_RESULT)
    parser.add_argument("--kept", type=Path, default=None, help="keep finished curves here, and do not repeat them")
    arguments = parser.parse_args()
    started = time.process_time()
    settings = [arguments.curves, arguments.draws]
    known = json.loads(arguments.kept.read_text()) if arguments.kept and arguments.kept.exists() else {}
    rows: list[dict[str, object]] = known["rows"] if known.get("settings") == settings else []
    spent = float(known.get("seconds", 0.0)) if rows else 0.0
    designs = {
        "the first sizes": START,
        "six up to twice": np.geomspace(START[0], 2 * START[-1], 6).round(),
        "six up to four times": np.geomspace(START[0], LARGEST * START[-1], 6).round(),
    }
    for number, (family, errors) in enumerate(curves(arguments.curves)):
        if number < len(rows):
            continue

        def begin(errors: Errors = errors, number: int = number) -> Study:
            return Study(errors, number, arguments.draws)

        start = begin()
        wanted = SHARE * start.width(start.law())
        row: dict[str, object] = {"family": family, "law next": follow(begin(), wanted)}
        row |= {name: spaced(begin(), wanted, sizes) for name, sizes in designs.items()}
        rows.append(row)
        print(row, flush=True)
        if arguments.kept:
            seconds = spent + time.process_time() - started
            arguments.kept.write_text(json.dumps({"settings": settings, "rows": rows, "seconds": seconds}))
    costs = {name: np.array([float(row[name]) for row in rows]) for name in ("law next", *designs)}
    costs["the best of them"] = np.min([costs[name] for name in designs], axis=0)
    summary = {
        name: {
            "median_ratio": round(float(np.median(ratios(capped(found), capped(costs["law next"])))), 2),
            "ratio_of_sums": round(float(capped(found).sum() / capped(costs["law next"]).sum()), 2),
            "not_reached": int(np.isinf(found).sum()),
        }
        for name, found in costs.items()
    }
    plain = [{name: None if value == np.inf else value for name, value in row.items()} for row in rows]
    publish(
        {
            "date": datetime.now(UTC).date().isoformat(),
            "versions": versions(),
            "processor": processor(),
            "processor_seconds": round(spent + time.process_time() - started),
            "share_of_first_width": SHARE,
            "wanted": WANTED,
            "summary": summary,
            "rows": plain,
        },
        arguments.output,
    )


if __name__ == "__main__":
    main()
