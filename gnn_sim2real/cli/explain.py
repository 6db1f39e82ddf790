"""`gnn-sim2real explain`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console, visible
from gnn_sim2real.explain.run import ExplainSettings, run_explain


def explain(*words: str, settings: ExplainSettings) -> None:
    """Show what atoms, fragments, sites and elements contribute to a prediction, on a page with pictures.

    Args:
        words: MODEL [MODEL ...] FILE: models of one property, or the folder of an ensemble; then a file or folder of
            materials, or one material.
        settings: How.

    Raises:
        ValueError: If there is no model, or nothing to explain.
    """
    if len(words) < 2:
        raise ValueError("give a model and a file or a material: gnn-sim2real explain starter:polymer/density '*CCO*'")
    result = run_explain(words[:-1], words[-1], settings)
    console = open_console()
    for line in [*result.notes, *(repr(each.after) for each in result.entries[:3])]:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {result.page}", markup=False, highlight=False, soft_wrap=True)


def explain_command(argv: list[str]) -> int:
    """Read the words of the command line, and explain.

    Args:
        argv: Arguments after `gnn-sim2real explain`.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(prog="gnn-sim2real explain", description=(explain.__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="MODEL", help="models, then the file or the material")
    parser.add_class_arguments(ExplainSettings)
    given = parse_options(parser, argv).as_dict()
    explain(*given.pop("words"), settings=ExplainSettings(**given))
    return 0
