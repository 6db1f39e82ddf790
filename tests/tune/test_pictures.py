"""Names of settings can be read in the pictures of a tuning."""

import matplotlib.pyplot as plt

from gnn_sim2real.tune.result import _label_plainly

NAMES = ["model.encoder.dropout", "model.encoder.hidden_dim", "model.head.hidden_dim", "trainer.max_epochs"]


def test_names_are_short_whole_and_told_apart():
    figure, (parallel, slices) = plt.subplots(1, 2)
    parallel.set_xticks(range(4), ["val/mae", "model.encoder.dro...", "model.head.hidden...", "trainer.max_epochs"])
    slices.set_xticks([0.0, 1.0])
    slices.set_xlabel("model.encoder.hidden_dim")
    _label_plainly(figure, NAMES)
    labels = [each.get_text() for each in parallel.get_xticklabels()]
    assert labels == ["val/mae", "dropout", "head.hidden_dim", "max_epochs"]
    assert slices.get_xlabel() == "encoder.hidden_dim"
    assert [each.get_text() for each in slices.get_xticklabels()] == ["0", "1"]
    plt.close(figure)


def test_a_name_that_was_cut_too_short_stays_as_it_is():
    figure, axes = plt.subplots()
    axes.set_xticks([0], ["model.e..."])
    _label_plainly(figure, NAMES)
    assert [each.get_text() for each in axes.get_xticklabels()] == ["model.e..."]
    plt.close(figure)
