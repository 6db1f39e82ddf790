from dataclasses import replace

import jaxtyping
import pytest
import torch
from batches import batch_of, molecules, units

from gnn_sim2real.featurize.repeat_unit import featurize_repeat_unit
from gnn_sim2real.nn.readout import Readout, weighted_mean


def test_weights_of_atoms_are_shares():
    batch = units("*CC(*)O", "*CC*")
    features = torch.rand(len(batch.atomic_number), 4)
    mean = weighted_mean(features, batch)
    torch.testing.assert_close(mean[0], features[:3].mean(0))
    heavier = replace(batch, node_weight=torch.tensor([1.0, 1.0, 2.0, 5.0, 5.0]))
    weighted = weighted_mean(features, heavier)
    torch.testing.assert_close(weighted[0], (features[0] + features[1] + 2 * features[2]) / 4)
    torch.testing.assert_close(weighted[1], mean[1])


def test_a_readout_of_other_atoms_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        weighted_mean(torch.rand(4), units("*CC*"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kinds(dtype):
    batch = molecules("CCO", "C", "CCOCC")
    features = torch.rand(9, 4, dtype=dtype)
    sums = torch.stack([features[:3].sum(0), features[3], features[4:].sum(0)])
    size = torch.tensor([[3], [1], [5]], dtype=dtype)
    expected = {"mean": sums / size, "sum": sums, "mean_and_size": torch.cat([sums / size, size.log()], dim=1)}
    for kind, wanted in expected.items():
        readout = Readout(kind, 4)
        torch.testing.assert_close(readout(features, batch), wanted)
        torch.testing.assert_close(readout.from_sums(sums, batch), wanted)
        assert readout.output_dim == wanted.shape[1]


def test_half_precision_counts_beyond_256():
    batch = batch_of(featurize_repeat_unit("*" + 1000 * "C" + "*"))
    features = torch.full((1000, 2), 0.5, dtype=torch.bfloat16)
    for kind, expected in (("mean", 0.5), ("sum", 500.0)):
        output = Readout(kind, 2)(features, batch)
        assert output.dtype == torch.float32
        assert output.tolist() == [[expected, expected]]


def test_no_such_kind():
    with pytest.raises(ValueError, match=r"`readout` .* mean, sum, mean_and_size\b.*'max'"):
        Readout("max", 4)
