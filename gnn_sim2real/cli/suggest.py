"""`gnn-sim2real suggest`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console, visible


def suggest_command(argv: list[str]) -> int:
    """Suggest what to measure next.

    Args:
        argv: Arguments after `gnn-sim2real suggest`.

    Returns:
        Exit code.
    """
    from gnn_sim2real.suggest.run import SuggestSettings, run_suggest

    parser = ArgumentParser(
        prog="gnn-sim2real suggest",
        description="Which materials of a pool to measure next, with calibrated predictions; and whether the next unit "
        "of budget buys a measurement or calculations.",
    )
    parser.add_argument("table", type=str, help="table of the measurements")
    parser.add_argument("pool", type=str, help="candidates: a table, a list of SMILES, or a folder of crystals")
    parser.add_class_arguments(SuggestSettings)
    given = parse_options(parser, argv).as_dict()
    table, pool = given.pop("table"), given.pop("pool")
    settings = SuggestSettings(**given)
    found = run_suggest(table, pool, settings)
    console = open_console()
    console.print(visible(repr(found)), markup=False, highlight=False, soft_wrap=True)
    console.print(f"suggestions: {settings.output}", markup=False, highlight=False, soft_wrap=True)
    return 0
