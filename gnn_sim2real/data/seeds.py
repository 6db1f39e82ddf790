"""The seeds of a training: that of the run, and the one of the order of its batches."""

import os

_FACTOR = 2_147_483_659
"""A prime above the range of the seeds: different pairs of them give different orders."""


def chosen_seed() -> int | None:
    """The seed of Lightning's `seed_everything`; None if it was not called."""
    seed = os.environ.get("PL_GLOBAL_SEED")
    return None if seed is None else int(seed)


def order_seed(data_seed: int) -> int:
    """Seed of the order of batches, from the seed of the data and that of the run.

    Two fine-tunings of one pretrained model may differ in nothing else. Where the two seeds are the same, as in a
    study, or the run has none, it is that of the data.

    Args:
        data_seed: `seed` of the data, which chooses the materials.
    """
    run_seed = chosen_seed()
    return data_seed if run_seed is None else data_seed + _FACTOR * (run_seed - data_seed)
