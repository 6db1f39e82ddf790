"""A training with and without `torch.compile`, in a process without the checks of shapes, as users run it.

    python compiled.py FOLDER

It writes what came of both as JSON; the checks are code that torch.compile cannot look through.
"""

import json
import sys
from pathlib import Path

import torch
from tiny import TinyPolymers, fit, gine

from gnn_sim2real.library import load_model
from gnn_sim2real.tasks import BestWeights, EMAWeights, SourcePretraining


def main(folder: Path) -> None:
    """Train, test, save and predict."""
    data = TinyPolymers(test_fraction=0.3, validation_fraction=0.2, batch_size=7)
    found: dict[str, object] = {}
    for compiled in (False, True):
        torch._dynamo.reset()
        make = lambda: SourcePretraining(gine(), compile=compiled)  # noqa: E731, B023
        trainer, module = fit(make, data, 4, callbacks=[EMAWeights(0.5), BestWeights()])
        (metrics,) = trainer.test(module, datamodule=data, verbose=False)
        trainer.save_checkpoint(folder / f"{compiled}.ckpt")
        predicted = load_model(folder / f"{compiled}.ckpt").predict(["*CCO*"]).values
        found["compiled" if compiled else "eager"] = {
            "mae": metrics["test/mae"],
            "names": [*module.state_dict()],
            "predicted": predicted.tolist(),
        }
    counters = torch._dynamo.utils.counters
    found |= {"breaks": counters["graph_break"], "graphs": counters["stats"]["unique_graphs"]}
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
