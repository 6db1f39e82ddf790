import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.nn.edges import EdgeLinear, mean_at_destination, pair_up, sum_at_destination

EDGE_INDEX = torch.tensor([[0, 1, 1, 3, 0], [2, 2, 0, 3, 2]])


def test_the_split_map_is_the_map_of_the_concatenation():
    mapping = EdgeLinear(3, 4, 2, 6).double()
    destination, source, edges = (torch.randn(shape).double() for shape in ((4, 3), (4, 4), (5, 2)))
    together = torch.cat([destination[EDGE_INDEX[1]], source[EDGE_INDEX[0]], edges], dim=1)
    torch.testing.assert_close(mapping(destination, source, edges, EDGE_INDEX), mapping.linear(together))


def test_sums_and_means():
    messages = torch.tensor([1.0, 2.0, 4.0, 8.0, 6.0]).unsqueeze(1)
    assert sum_at_destination(messages, EDGE_INDEX, 5).flatten().tolist() == [4, 0, 9, 8, 0]
    assert mean_at_destination(messages, EDGE_INDEX, 5).flatten().tolist() == [4, 0, 3, 8, 0]
    assert sum_at_destination(messages.reshape(5, 1, 1), EDGE_INDEX, 5).shape == (5, 1, 1)


def test_messages_of_other_edges_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        sum_at_destination(torch.ones(4, 1), EDGE_INDEX, 5)


KEYS = st.lists(st.integers(0, 4), max_size=12)


@given(KEYS, KEYS)
def test_pairs(first, second):
    left, right = pair_up(torch.tensor(first, dtype=torch.int64), torch.tensor(second, dtype=torch.int64), 5)
    expected = [(i, j) for i, key in enumerate(first) for j, other in enumerate(second) if key == other]
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected
