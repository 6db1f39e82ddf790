"""Pairs with two roles: (polymer, solvent), (solute, solvent)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.encoder import Encoder


class Pair(Encoder):
    r"""Both components of a pair beside each other, for properties in which they have different roles.

    .. math:: h = \mathrm{ReLU}\big(W [h_1, h_2] + b\big)

    where :math:`h_1` and :math:`h_2` come from two encoders, so that a polymer can be read out by a mean over its atoms
    and a molecule by its size; or from one encoder for both. Each distinct component of a batch goes through its
    encoder once, however many pairs have it. Vermeire and Green, Transfer learning for solvation free energies, Chem.
    Eng. J. 2021, 418, 129307 (doi 10.1016/j.cej.2021.129307), encode solute and solvent like this; Aoki et al.,
    Multitask machine learning to predict polymer-solvent miscibility using Flory-Huggins interaction parameters,
    Macromolecules 2023, 56, 5446 (doi 10.1021/acs.macromol.2c02600), learn chi from descriptors of both.

    Args:
        first: Encodes the first component.
        second: Encodes the second component; `first` for both where it is not given.
        hidden_dim: Width of the output.
        dropout: Share of features of the two vectors set to zero during training.

    Raises:
        ValueError: If an inner encoder is one of mixtures.
    """

    reads_mixtures = True

    def __init__(
        self, first: Encoder, second: Encoder | None = None, hidden_dim: int = 128, dropout: float = 0.0
    ) -> None:
        described = None if second is None else second.describe()
        super().__init__(first=first.describe(), second=described, hidden_dim=hidden_dim, dropout=dropout)
        self.first, self.second = first, second
        width = first.output_dim + (second or first).output_dim
        self.combine = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, hidden_dim), nn.ReLU())
        self.output_dim = hidden_dim

    @property
    def layers(self) -> list[nn.Module]:
        """Those of the two encoders side by side, as far as they go, then what combines the pair."""
        if self.second is None:
            return [*self.first.layers, self.combine]
        depth = max(len(self.first.layers), len(self.second.layers))
        columns = [[nn.Identity()] * (depth - len(each.layers)) + each.layers for each in (self.first, self.second)]
        return [*(nn.ModuleList(together) for together in zip(*columns, strict=True)), self.combine]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode pairs."""
        (sides,) = self._both_sides(batch, lambda encoder, pure: [encoder(pure)])
        combined: Tensor = self.combine(sides)
        return combined

    def layer_features(self, batch: GraphBatch) -> list[Float[Tensor, "num_graphs layer_dim"]]:
        """Both components beside each other as each layer makes them, from the same number of layers before the end."""
        sides = self._both_sides(batch, lambda encoder, pure: encoder.layer_features(pure))
        return [*sides, self.combine(sides[-1])]

    def _both_sides(
        self, batch: GraphBatch, encode: Callable[[Encoder, GraphBatch], list[Tensor]]
    ) -> list[Float[Tensor, "num_graphs both_dims"]]:
        """Vectors of both components of each pair beside each other, of each of the layers that `encode` gives."""
        pure = batch.components()
        members = batch.members
        if members is None or members.shape[1] != 2 or bool((members < 0).any()):
            raise ValueError("this encoder reads pairs of two components; use gnn_sim2real.nn.Blend for other mixtures")
        if self.second is None:
            encoded = encode(self.first, pure)
            columns = [[each.index_select(0, members[:, place]) for each in encoded] for place in (0, 1)]
        else:
            columns = []
            for encoder, column in zip((self.first, self.second), members.unbind(1), strict=True):
                used, number = torch.unique(column, return_inverse=True)
                columns.append([each.index_select(0, number) for each in encode(encoder, pure.take(used))])
        depth = min(map(len, columns))
        return [torch.cat(pair, dim=1) for pair in zip(*(each[-depth:] for each in columns), strict=True)]
