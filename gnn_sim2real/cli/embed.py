"""`gnn-sim2real embed`."""

from gnn_sim2real.config.command import Command
from gnn_sim2real.estimator.settings import EmbedSettings


def embed(model: str, file: str, *, settings: EmbedSettings) -> None:
    """Write features of materials from a layer of a pretrained model, as CSV, parquet or npy.

    Args:
        model: Address, folder or checkpoint of a model.
        file: Table or folder of materials.
        settings: Which features, and where to.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.estimator.features import write_features

    path, number, refused = write_features(model, file, settings)
    text = f"{path}: {number:,} materials" + (f", of which {refused:,} cannot be read" if refused else "")
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)


COMMAND = Command(
    "one model",
    "features of materials from a layer of a model",
    embed,
    examples={"embed starter:polymer/density polymers.csv --output features.parquet": "a table"},
)
