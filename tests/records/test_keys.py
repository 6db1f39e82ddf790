"""Keys of results: a pinned one may never change, or every committed record would be lost."""

from pathlib import Path

import pytest

from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.records.training_keys import fine_tuning_key, training_content

CONFIGS = Path(__file__).parents[2] / "configs/demo"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("polymer_pretrain", "b7d4cb8495831bf61685c05c24febdf6"),
        ("polymer_finetune", "2a162ce5f67ae6942a4f79c2bc73030a"),
        ("crystal_pretrain", "36d70b450f14fbdc829d482e1a87968f"),
        ("crystal_finetune", "dc2721b436bd438b41c6cf5b71cbc2e3"),
    ],
)
def test_a_configuration_has_the_key_of_version_0_1(name, key):
    """Whatever its classes are called today; data and source are the same for all here."""
    config = plain(read_stage(CONFIGS / f"{name}.yaml")[1])
    assert config["model"]["class_path"].count(".") == 1, "the root has its classes"
    assert fine_tuning_key(training_content(config, threads=1), None, {}) == key


def test_only_a_training_with_two_seeds_has_another_key_since_they_make_the_order_together():
    config = plain(read_stage(CONFIGS / "polymer_finetune.yaml")[1])
    earlier = training_content(config, threads=1)
    assert training_content(config, 1, data_seed=0) == earlier
    assert training_content(config | {"seed_everything": None}, 1, data_seed=3)["numerics"] == earlier["numerics"]
    assert training_content(config, 1, data_seed=3)["numerics"] != earlier["numerics"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_setting_that_is_not_finite_is_named(number):
    with pytest.raises(ValueError, match=r"`data\.lr\.1`"):
        canonical({"data": {"size": 3, "lr": [0.1, number]}, "seed": 0})
