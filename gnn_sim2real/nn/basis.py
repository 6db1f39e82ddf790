"""From distances to features: radial bases, and the envelope that lets an edge fade out at the cutoff."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

_SMALLEST_EXPONENT = -80.0


def gaussian_basis(cutoff: float, num_gaussians: int) -> nn.Module:
    """Gaussians at even distances from zero to the cutoff, each as wide as the step between two.

    They are computed in the model: stored with the graphs they would take tens of times the space.

    Args:
        cutoff: Center of the last one [angstrom].
        num_gaussians: Number of Gaussians.

    Returns:
        From (num_edges,) to (num_edges, num_gaussians).

    Raises:
        ValueError: If the cutoff is not positive or there are fewer than two.
    """
    _check(cutoff)
    if num_gaussians < 2:
        raise ValueError(f"`num_gaussians` must be at least 2, got {num_gaussians}")
    return Gaussians(0.0, cutoff, num_gaussians)


class Gaussians(nn.Module):
    """Gaussians at even steps, each as wide as the step, in a third of the time of torch-geometric's.

    MKL's exponential is slow wherever the result is too small for a float32, which is most of the places here. What is
    below 2e-35 stays at that, which no sum can tell from zero.

    Args:
        start: Center of the first.
        stop: Center of the last.
        num_gaussians: How many.
    """

    offset: Tensor

    def __init__(self, start: float, stop: float, num_gaussians: int) -> None:
        super().__init__()
        offset = torch.linspace(start, stop, num_gaussians, device="cpu")  # also where a model is only measured
        self.register_buffer("offset", offset)
        self.coeff = -0.5 / (offset[1] - offset[0]).item() ** 2

    def forward(self, values: Float[Tensor, " num_values"]) -> Float[Tensor, "num_values num_gaussians"]:
        """Expand values."""
        squares = (values.unsqueeze(1) - self.offset).square()
        expanded: Tensor = (self.coeff * squares).clamp_min(_SMALLEST_EXPONENT).exp()
        return expanded


class BesselBasis(nn.Module):
    r"""Spherical Bessel functions of order zero that vanish at the cutoff.

    .. math:: \phi_n(d) = \sqrt{2 / c}\, \sin(n \pi d / c) / d, \quad n = 1, 2, \ldots

    J. Gasteiger, J. Gross, S. Günnemann, Directional Message Passing for Molecular Graphs, ICLR 2020 (arXiv
    2003.03123). Their slope at the cutoff is not zero: multiply by `cosine_cutoff`.

    Args:
        cutoff: Distance c where all are zero [angstrom].
        num_functions: How many.

    Raises:
        ValueError: If the cutoff is not positive.
    """

    frequency: Tensor

    def __init__(self, cutoff: float, num_functions: int) -> None:
        super().__init__()
        _check(cutoff)
        self.scale = math.sqrt(2 / cutoff)
        self.register_buffer("frequency", torch.arange(1, num_functions + 1) * (math.pi / cutoff))

    def forward(self, length: Float[Tensor, " num_edges"]) -> Float[Tensor, "num_edges num_functions"]:
        """Expand distances [angstrom], all above zero."""
        column = length.unsqueeze(1)
        return self.scale * (column * self.frequency).sin() / column


def cosine_cutoff(length: Float[Tensor, " num_edges"], cutoff: float) -> Float[Tensor, " num_edges"]:
    r"""Envelope that falls from one at distance zero to zero at the cutoff, with zero slope there; zero beyond.

    .. math:: f(d) = \tfrac{1}{2} (\cos(\pi d / c) + 1)

    J. Behler, Atom-centered symmetry functions for constructing high-dimensional neural network potentials, J. Chem.
    Phys. 134, 074106 (2011), doi 10.1063/1.3553717.

    Args:
        length: Distances [angstrom].
        cutoff: Where it ends [angstrom].
    """
    return 0.5 * ((length.clamp(max=cutoff) * (math.pi / cutoff)).cos() + 1)


def _check(cutoff: float) -> None:
    if not cutoff > 0:
        raise ValueError(f"`cutoff` must be a distance above zero [angstrom], got {cutoff}")
