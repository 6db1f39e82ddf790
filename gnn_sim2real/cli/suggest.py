"""`gnn-sim2real suggest`."""

from gnn_sim2real.config.command import Command
from gnn_sim2real.suggest.settings import SuggestSettings


def suggest(table: str, pool: str, *, settings: SuggestSettings) -> None:
    """Suggest which materials of a pool to measure next, and whether a measurement or calculations are the better buy.

    Args:
        table: Table of the measurements, whose headings say what was measured.
        pool: Candidates: a table, a list of SMILES, or a folder or file of crystals.
        settings: What is sought.
    """
    from gnn_sim2real.config.options import settings_as_options
    from gnn_sim2real.console import open_console, visible
    from gnn_sim2real.shotgun.table_argument import option_of
    from gnn_sim2real.suggest.run import run_suggest

    with settings_as_options(lambda name: option_of(name) if hasattr(settings, name) else None):
        found = run_suggest(table, pool, settings)
    console = open_console()
    console.print(visible(repr(found)), markup=False, highlight=False, soft_wrap=True)
    console.print(f"suggestions: {settings.output}", markup=False, highlight=False, soft_wrap=True)


COMMAND = Command(
    "many models",
    "which materials of a pool to measure next",
    suggest,
    examples={
        "suggest measured.csv candidates.csv": "the ten candidates whose measurement is worth most, for a high value",
        "suggest measured.csv candidates.csv --goal range --low 350 --high 400": "for a value between two",
    },
)
