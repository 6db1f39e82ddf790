"""`gnn-sim2real embed`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console


def embed_command(argv: list[str]) -> int:
    """Write features of materials.

    Args:
        argv: Arguments after `gnn-sim2real embed`.

    Returns:
        Exit code.
    """
    from gnn_sim2real.estimator.features import EmbedSettings, write_features

    parser = ArgumentParser(
        prog="gnn-sim2real embed",
        description="Features of materials from a layer of a pretrained model, as CSV, parquet or npy.",
        exit_on_error=False,
    )
    parser.add_argument("model", type=str, help="address, folder or checkpoint of a model")
    parser.add_argument("asked", type=str, metavar="file", help="table or folder of materials")
    parser.add_class_arguments(EmbedSettings, skip={"model", "asked"})
    path, number, refused = write_features(EmbedSettings(**parse_options(parser, argv).as_dict()))
    text = f"{path}: {number:,} materials" + (f", of which {refused:,} cannot be read" if refused else "")
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)
    return 0
