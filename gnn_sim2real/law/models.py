"""The trained models of a curve: what a law is fitted to."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.log_errors import NO_BOUNDS, Bounds, ErrorTable, tabulate


class Models(NamedTuple):
    """The trained models of one curve, or of several target sizes.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its repeat, shape ``(num_models,)``; equal labels are paired between laws. None for no pairs.
        weights: Weight of each model; None for equal weights.
        material_errors: Its absolute error on each test material, shape ``(num_models, num_materials)``; None if not
            known, or if repeats have test sets of their own.
        materials: Label of each test material, shape ``(num_materials,)``; equal labels are paired between laws; None
            for no pairs.
        target_sizes: Its target size m, shape ``(num_models,)``; None if all have one, or it is not known.
        material_pulls: Instead of `material_errors`, by how much each of `materials` pulls the log error of the model,
            shape ``(num_models, num_materials)``; mixtures of the test materials of which no single one is known.
        spreads: Standard deviation of the log error of each model where it is known; it then stands in for repeats.
        bounds: What is known of the error beside them. The average over forms takes it into account, a single form does
            not.
    """

    source_sizes: ArrayLike
    errors: ArrayLike
    curves: Sequence[Hashable] | None
    weights: ArrayLike | None = None
    material_errors: ArrayLike | None = None
    materials: Sequence[Hashable] | None = None
    target_sizes: ArrayLike | None = None
    material_pulls: ArrayLike | None = None
    spreads: ArrayLike | None = None
    bounds: Bounds = NO_BOUNDS

    def num_sizes(self) -> int:
        """Number of different source sizes."""
        return len(np.unique(np.asarray(self.source_sizes)))

    def table(self) -> ErrorTable:
        """Return the errors by curve and size.

        Raises:
            ValueError: As `gnn_sim2real.law.log_errors.tabulate`, or if source and target sizes differ in shape.
        """
        sizes = [np.asarray(self.source_sizes, dtype=float)]
        if self.target_sizes is not None:
            sizes.append(np.asarray(self.target_sizes, dtype=float))
        if sizes[0].shape != sizes[-1].shape:
            raise ValueError(
                "source_sizes and target_sizes must have one shape, got "
                + " and ".join(str(each.shape) for each in sizes)
            )
        self.bounds.check()
        table = tabulate(
            np.stack(sizes),
            self.errors,
            self.curves,
            self.weights,
            self.material_errors,
            self.materials,
            self.material_pulls,
            self.spreads,
        )
        return table._replace(bounds=self.bounds)
