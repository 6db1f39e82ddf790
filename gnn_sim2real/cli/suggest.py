"""`gnn-sim2real suggest`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console, visible
from gnn_sim2real.suggest.run import SuggestSettings, run_suggest


def suggest(table: str, pool: str, *, settings: SuggestSettings) -> None:
    """Suggest which materials of a pool to measure next, and whether a measurement or calculations are the better buy.

    Args:
        table: Table of the measurements, whose headings say what was measured.
        pool: Candidates: a table, a list of SMILES, or a folder or file of crystals.
        settings: What is sought.
    """
    found = run_suggest(table, pool, settings)
    console = open_console()
    console.print(visible(repr(found)), markup=False, highlight=False, soft_wrap=True)
    console.print(f"suggestions: {settings.output}", markup=False, highlight=False, soft_wrap=True)


def suggest_command(argv: list[str]) -> int:
    """Read the words of the command line, and suggest.

    Args:
        argv: Arguments after `gnn-sim2real suggest`.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(prog="gnn-sim2real suggest", description=(suggest.__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=str, help="table of the measurements")
    parser.add_argument("pool", type=str, help="candidates: a table, a list of SMILES, or a folder of crystals")
    parser.add_class_arguments(SuggestSettings)
    given = parse_options(parser, argv).as_dict()
    suggest(given.pop("table"), given.pop("pool"), settings=SuggestSettings(**given))
    return 0
