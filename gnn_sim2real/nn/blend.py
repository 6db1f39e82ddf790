"""Blends and copolymers: the weighted mean of the encoded components, and what the bonds between unlike units add."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.encoder import Encoder


class Blend(Encoder):
    r"""Weighted mean of encoded components, for blends, copolymers and other mixtures whose order has no meaning.

    .. math:: h = \sum_i w_i\, h_i \Big/ \sum_i w_i

    with the weights :math:`w_i` and the vectors :math:`h_i` of the components, which all go through the same encoder. A
    blend of a material with itself is that material, so is one in which all else has weight 0, and the components may
    be named in any order. A pure material is encoded as by the inner encoder alone: what was pretrained on pure
    materials can be fine-tuned on blends.

    Without `linkage`, only the repeat units of a copolymer and their shares are seen: alternating, random and block
    copolymers that differ in nothing else get the same prediction. With it, the units are the nodes of a graph whose
    edges have the share of the bonds between the two units as their weight, after Aldeghi and Coley, A graph
    representation of molecular ensembles for polymer property prediction, Chem. Sci. 2022, 13, 10486 (doi
    10.1039/D2SC02839E), whose edges join atoms:

    .. math::
        h = \sum_i w_i\, h_i + U \sum_{i<j} p_{ij}\, \sigma\big(V (h_i + h_j) + b\big) \odot |W (h_i - h_j)|, \qquad
        p_{ij} = q\, w_i w_j \Big/ \sum_{k<l} w_k w_l

    with the share :math:`q` of the bonds that join unlike units (`Mixture.linkage`) and :math:`\sigma` = SiLU. What an
    edge adds is the same in both directions, and nothing between equal units. It is nothing for a blend, whose
    components are not bonded, and at first for all, since :math:`U` starts from zero.

    Args:
        encoder: Encodes each component as a material of its own.
        linkage: Whether the bonds between unlike units of a copolymer are seen.
    """

    reads_mixtures = True

    def __init__(self, encoder: Encoder, linkage: bool = False) -> None:
        super().__init__(encoder=encoder.describe(), **({"linkage": True} if linkage else {}))
        self.encoder = encoder
        self.output_dim = encoder.output_dim
        self.bond = _Bond(encoder.output_dim) if linkage else None

    @property
    def layers(self) -> list[nn.Module]:
        """Those of the inner encoder, then that of the bonds between units."""
        return [*self.encoder.layers, *([] if self.bond is None else [self.bond])]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode blends, copolymers or pure materials."""
        if batch.members is None or batch.weights is None:
            pure: Tensor = self.encoder(batch)
            return pure
        encoded = self.encoder(batch.components())
        return self._join(encoded, batch, mean_of_members(encoded, batch.members, batch.weights))

    def layer_features(self, batch: GraphBatch) -> list[Float[Tensor, "num_graphs layer_dim"]]:
        """Weighted mean of the components' features after each layer."""
        if batch.members is None or batch.weights is None:
            encoded = self.encoder.layer_features(batch)
            return encoded if self.bond is None else [*encoded, encoded[-1]]
        encoded = self.encoder.layer_features(batch.components())
        means = [mean_of_members(each, batch.members, batch.weights) for each in encoded]
        return means if self.bond is None else [*means, self._join(encoded[-1], batch, means[-1])]

    def _join(
        self,
        encoded: Float[Tensor, "num_components dim"],
        batch: GraphBatch,
        mean: Float[Tensor, "num_graphs dim"],
    ) -> Float[Tensor, "num_graphs dim"]:
        if self.bond is None or batch.linkage is None or batch.members is None or batch.weights is None:
            return mean
        added: Tensor = self.bond(encoded, batch.members, batch.weights, batch.linkage)
        return mean + added


class _Bond(nn.Module):
    """What the bonds between unlike units of copolymers add to the mean of the units."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate, self.contrast = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)
        self.outer = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.outer.weight)

    def forward(
        self,
        encoded: Float[Tensor, "num_components dim"],
        members: Int[Tensor, "num_graphs max_components"],
        weights: Float[Tensor, "num_graphs max_components"],
        linkage: Float[Tensor, " num_graphs"],
    ) -> Float[Tensor, "num_graphs dim"]:
        gate, contrast = nn.functional.linear(encoded, self.gate.weight, self.gate.bias / 2), self.contrast(encoded)
        shares = weights.to(encoded.dtype) * (members >= 0)
        numbers = members.clamp_min(0).unbind(1)
        total, bonds = encoded.new_zeros((len(members), encoded.shape[1])), shares.new_zeros(len(members))
        for second in range(1, len(numbers)):
            for first in range(second):
                one, other = numbers[first], numbers[second]
                bond = shares[:, first] * shares[:, second]
                joined = nn.functional.silu(gate[one] + gate[other]) * (contrast[one] - contrast[other]).abs()
                total, bonds = total + bond[:, None] * joined, bonds + bond
        amount = linkage.to(encoded.dtype) / bonds.clamp_min(torch.finfo(bonds.dtype).tiny)
        made: Tensor = self.outer(total * amount[:, None])
        return made


def mean_of_members(
    encoded: Float[Tensor, "num_components dim"],
    members: Int[Tensor, "num_graphs max_components"],
    weights: Float[Tensor, "num_graphs max_components"],
) -> Float[Tensor, "num_graphs dim"]:
    """Weighted mean of the vectors of the members of each mixture."""
    shares = weights.to(encoded.dtype) * (members >= 0)
    shares = shares / shares.sum(dim=1, keepdim=True)
    # One place after the other: the vectors of all places at once would be as many as there are places.
    total = encoded.new_zeros((len(members), encoded.shape[1]))
    for place in range(shares.shape[1]):
        number = members[:, place].clamp_min(0)
        total = torch.addcmul(total, shares[:, place, None], encoded.index_select(0, number))
    return total
