"""Blends and copolymers: the weighted mean of the encoded components."""

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

    Of a copolymer only its repeat units and their shares are seen. How they are linked (random, alternating, block,
    graft) is ignored: copolymers that differ in nothing else get the same prediction. Aldeghi and Coley, A graph
    representation of molecular ensembles for polymer property prediction, Chem. Sci. 2022, 13, 10486 (doi
    10.1039/d2sc02839e) keep the linkage, as edges of a probability between the units.

    Args:
        encoder: Encodes each component as a material of its own.
    """

    reads_mixtures = True

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder=encoder.describe())
        self.encoder = encoder
        self.output_dim = encoder.output_dim

    @property
    def layers(self) -> list[nn.Module]:
        """Those of the inner encoder."""
        return self.encoder.layers

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode blends or pure materials."""
        if batch.members is None or batch.weights is None:
            pure: Tensor = self.encoder(batch)
            return pure
        return mean_of_members(self.encoder(batch.components()), batch.members, batch.weights)

    def layer_features(self, batch: GraphBatch) -> list[Float[Tensor, "num_graphs layer_dim"]]:
        """Weighted mean of the components' features after each layer."""
        if batch.members is None or batch.weights is None:
            return self.encoder.layer_features(batch)
        encoded = self.encoder.layer_features(batch.components())
        return [mean_of_members(each, batch.members, batch.weights) for each in encoded]


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
