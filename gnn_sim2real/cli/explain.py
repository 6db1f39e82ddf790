"""`gnn-sim2real explain`."""

from gnn_sim2real.config.command import Command
from gnn_sim2real.explain.settings import ExplainSettings


def explain(*models: str, settings: ExplainSettings) -> None:
    """Show what atoms, fragments, sites and elements contribute to a prediction, on a page with pictures.

    Args:
        models: MODEL [MODEL ...] FILE: models of one property, or the folder of an ensemble; then a file or folder of
            materials, or one material.
        settings: How.

    Raises:
        ValueError: If there is no model, or nothing to explain.
        CheckpointError: If a model cannot be read, or is none.
    """
    from gnn_sim2real.console import open_console, visible
    from gnn_sim2real.errors import CheckpointError
    from gnn_sim2real.explain.run import run_explain

    if len(models) < 2:
        raise ValueError("give a model and a file or a material: gnn-sim2real explain starter:polymer/density '*CCO*'")
    try:
        result = run_explain(models[:-1], models[-1], settings)
    except CheckpointError as error:
        if len(models) == 2:
            raise
        raise CheckpointError(
            f"{error}; all words but the last are models: put several materials into a file"
        ) from error
    console = open_console()
    for line in [*result.notes, *(repr(each.after) for each in result.entries[:3])]:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {result.page}", markup=False, highlight=False, soft_wrap=True)


COMMAND = Command(
    "one model",
    "what atoms, fragments, sites and elements contribute to a prediction",
    explain,
    examples={
        "explain starter:polymer/density '*CC(*)c1ccccc1'": "one material",
        "explain runs/shotgun/model new.csv": "a table, by an ensemble of `shotgun`",
    },
)
