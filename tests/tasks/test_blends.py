"""From a model of pure polymers to one of blends and copolymers."""

from itertools import pairwise

import pandas as pd
import pytest
import torch
from tiny import CHAINS, copied, density, fit, gine, same

from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.nn import Blend
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tasks import TargetFineTuning


class TinyBlends(MixtureDataModule):
    """Densities of blends of neighbors in the list of chains, half of each."""

    def __init__(self, **settings):
        super().__init__(**{"validation_fraction": 0, "batch_size": 16} | settings)

    def load_table(self):
        frame = pd.DataFrame({"one": CHAINS[:-1], "other": CHAINS[1:], "t": 20.0})
        frame["density"] = [(density(one) + density(other)) / 2 for one, other in pairwise(CHAINS)]
        at = dict.fromkeys(self.condition_units, ("t", "degC"))
        return self.clean_mixtures(
            frame, MixtureColumns(["one", "other"], conditions=at), [Property("density", "g/cm3")], "t"
        )


class WarmBlends(TinyBlends):
    condition_units = {"temperature": "K"}  # noqa: RUF012


class TinyPairs(TinyBlends):
    roles = ("one", "other")


def start(data, folder, **settings):
    return fit(lambda: TargetFineTuning(pretrained=str(folder), **settings), data, epochs=0)[1].network.eval()


def test_a_blend_of_one_polymer_is_answered_as_by_the_model_of_pure_ones(source_folder):
    data, pure = TinyBlends(), load_model(source_folder)
    network = start(data, source_folder)
    assert same(copied(network.encoder.encoder), copied(pure.network.encoder))
    model = TrainedModel(network, data.featurizer, {})
    found = model.predict([Mixture((unit,)) for unit in CHAINS]).values[:, 0]
    wanted = pure.predict(CHAINS).values[:, 1] / 1000
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["none", "l2_start", "gradual"])
def test_it_is_fine_tuned_on_blends(policy, source_folder):
    data = TinyBlends(test_fraction=0.2)
    make = lambda: TargetFineTuning(Blend(gine()), pretrained=str(source_folder), policy=policy)  # noqa: E731
    trainer, module = fit(make, data, epochs=3)
    assert module.network.encoder.reads_mixtures
    assert not same(copied(module.network.head), copied(start(data, source_folder).head))
    trainer.test(module, datamodule=data, verbose=False)
    assert len(module.tested[0][0]) == len(data.parts.test)


def test_the_linkage_is_added_to_what_was_pretrained(source_folder):
    data, pure = TinyBlends(), load_model(source_folder)
    network = start(data, source_folder, encoder=Blend(gine(), linkage=True))
    assert same(copied(network.encoder.encoder), copied(pure.network.encoder))
    model = TrainedModel(network, data.featurizer, {})
    linked, blend = model.predict([Mixture(tuple(CHAINS[:2]), linkage=0.5), Mixture(tuple(CHAINS[:2]))]).values
    assert linked == blend  # before the first step


def test_conditions_that_the_source_did_not_know_get_a_fresh_head(source_folder):
    network = start(WarmBlends(), source_folder)
    assert same(copied(network.encoder.encoder), copied(load_model(source_folder).network.encoder))
    assert float(network.conditions.mean) == pytest.approx(293.15)
    assert network.head.mlp[0].in_features == network.encoder.output_dim + 1


def test_pairs_with_roles_are_no_blends(source_folder):
    with pytest.raises(CheckpointError, match=r"repeat_unit.*mixture"):
        start(TinyPairs(), source_folder)
