"""`gnn-sim2real embed`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console
from gnn_sim2real.estimator.features import EmbedSettings, write_features


def embed(model: str, file: str, *, settings: EmbedSettings) -> None:
    """Write features of materials from a layer of a pretrained model, as CSV, parquet or npy.

    Args:
        model: Address, folder or checkpoint of a model.
        file: Table or folder of materials.
        settings: Which features, and where to.
    """
    path, number, refused = write_features(model, file, settings)
    text = f"{path}: {number:,} materials" + (f", of which {refused:,} cannot be read" if refused else "")
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)


def embed_command(argv: list[str]) -> int:
    """Read the words of the command line, and embed.

    Args:
        argv: Arguments after `gnn-sim2real embed`.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(prog="gnn-sim2real embed", description=(embed.__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=str, help="address, folder or checkpoint of a model")
    parser.add_argument("file", type=str, help="table or folder of materials")
    parser.add_class_arguments(EmbedSettings)
    given = parse_options(parser, argv).as_dict()
    embed(given.pop("model"), given.pop("file"), settings=EmbedSettings(**given))
    return 0
