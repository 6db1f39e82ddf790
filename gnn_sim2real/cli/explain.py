"""`gnn-sim2real explain`."""

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import open_console, visible


def explain_command(argv: list[str]) -> int:
    """Explain predictions.

    Args:
        argv: Arguments after `gnn-sim2real explain`.

    Returns:
        Exit code.
    """
    from gnn_sim2real.explain.run import ExplainSettings, run_explain

    parser = ArgumentParser(
        prog="gnn-sim2real explain",
        description="What atoms, fragments, sites and elements contribute to a prediction, on a page with pictures.",
        exit_on_error=False,
    )
    parser.add_argument("words", nargs="+", help="MODEL [MODEL ...] FILE, or a material in place of the file")
    parser.add_class_arguments(ExplainSettings, skip={"models", "asked"})
    found = parse_options(parser, argv)
    *models, asked = found.words
    if not models:
        raise ValueError("give a model and a file or a material: gnn-sim2real explain starter:polymer/density '*CCO*'")
    settings = {name: value for name, value in found.as_dict().items() if name != "words"}
    result = run_explain(ExplainSettings(models=models, asked=asked, **settings))
    console = open_console()
    for line in [*result.notes, *(repr(each.after) for each in result.entries[:3])]:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {result.page}", markup=False, highlight=False, soft_wrap=True)
    return 0
