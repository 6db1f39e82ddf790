"""An encoder that ends after one of its layers: what is learned early often transfers further."""

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.encoder import Encoder


class TruncatedEncoder(Encoder):
    """Features of each material after an inner layer of an encoder, see `Encoder.layer_features`.

    The layers after it stay in the model, and are not trained. J. Yosinski et al., How transferable are features in
    deep neural networks?, Advances in Neural Information Processing Systems 27 (2014), arXiv 1411.1792.

    Args:
        encoder: The whole encoder.
        layer: Number of the layer, from 0, counted from the input.
        output_dim: Width of the features.

    Raises:
        CheckpointError: If the width is not valid.
    """

    reads_mixtures = True

    def __init__(self, encoder: Encoder, layer: int, output_dim: int) -> None:
        super().__init__(encoder=encoder.describe(), layer=layer, output_dim=output_dim)
        if layer < 0 or output_dim < 1:
            raise CheckpointError(f"an encoder has no layer {layer} of width {output_dim}")
        self.encoder, self.layer, self.output_dim = encoder, layer, output_dim

    @property
    def layers(self) -> list[nn.Module]:
        """Those of the whole encoder."""
        return self.encoder.layers

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode materials.

        Raises:
            ValueError: If these are mixtures, and the whole encoder reads pure materials.
        """
        if batch.members is not None and not self.encoder.reads_mixtures:
            raise ValueError(f"{type(self.encoder).__name__} reads pure materials, but these are mixtures")
        return self.encoder.layer_features(batch)[self.layer]
