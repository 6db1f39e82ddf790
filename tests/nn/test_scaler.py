import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from gnn_sim2real.nn import TargetScaler

NAN = float("nan")
rows = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e-3, 1e-3)), min_size=2, max_size=20)


def fitted(values):
    scaler = TargetScaler(values.shape[1])
    scaler.fit(values)
    return scaler


@given(rows=rows)
@example(rows=[(0.0, 0.0), (0.0, 1.401298464324817e-45)])
def test_scaled_is_standard_and_comes_back(rows):
    values = torch.tensor(rows, dtype=torch.float32)
    scaler = fitted(values)
    back = scaler.unscale(scaler.scale(values))
    torch.testing.assert_close(back, values, rtol=1e-4, atol=1e-4 * float(values.abs().max()))
    spread = values.double().std(0, correction=0)
    scaled = scaler.scale(values)
    normal = spread > 1e-37  # below, single precision has no digits left
    for column in (normal & (spread > 1e-3 * values.abs().max(0).values)).nonzero().flatten():
        assert float(scaled[:, column].mean()) == pytest.approx(0, abs=1e-2)
        assert float(scaled[:, column].std(correction=0)) == pytest.approx(1, abs=1e-2)


def test_missing_values_are_left_out():
    scaler = fitted(torch.tensor([[1.0, NAN], [3.0, 5.0], [NAN, 9.0], [NAN, NAN]]))
    torch.testing.assert_close(scaler.mean, torch.tensor([2.0, 7.0]))
    torch.testing.assert_close(scaler.std, torch.tensor([1.0, 2.0]))
    assert scaler.scale(torch.tensor([[NAN, 5.0]])).isnan().tolist() == [[True, False]]


def test_large_values_with_a_small_spread():
    values = torch.tensor([[100_000.0], [100_001.0], [100_002.0]])
    torch.testing.assert_close(fitted(values).std, torch.tensor([(2 / 3) ** 0.5]))


def test_a_constant_property_stays_finite():
    scaler = fitted(torch.full((3, 1), 7.0))
    assert scaler.scale(torch.tensor([[7.0], [8.0]])).tolist() == [[0.0], [1.0]]


def test_statistics_travel_with_the_weights_and_are_not_trained():
    scaler = fitted(torch.tensor([[1.0], [2.0], [6.0]]))
    other = TargetScaler(1)
    other.load_state_dict(scaler.state_dict(), strict=True)
    assert torch.equal(other.unscale(torch.ones(1, 1)), scaler.unscale(torch.ones(1, 1)))
    assert not list(scaler.parameters())


def test_a_property_without_a_value():
    with pytest.raises(ValueError, match=r"\bproperty\b.*\b2\b"):
        fitted(torch.tensor([[1.0, NAN], [2.0, NAN]]))
