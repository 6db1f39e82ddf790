"""One pretrained model for all tests of fine-tuning."""

import pytest
from tiny import CHAINS, TinyPolymers, density, fit, gine, trained_model

from gnn_sim2real.library import save_model
from gnn_sim2real.tasks import SourcePretraining


@pytest.fixture(scope="session")
def source_folder(tmp_path_factory):
    """A model of a heat capacity and of a density in kg/m3, as a folder of the model library."""
    data = TinyPolymers(
        {
            ("Cp", "J/(kg K)"): [1000.0 + len(each) for each in CHAINS],
            ("density", "kg/m3"): [1000 * density(each) - 100 for each in CHAINS],
        }
    )
    _, module = fit(lambda: SourcePretraining(gine()), data, epochs=5)
    folder = tmp_path_factory.mktemp("models") / "source"
    save_model(trained_model(module, data), folder)
    return folder
