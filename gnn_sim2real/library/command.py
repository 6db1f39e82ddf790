"""`gnn-sim2real models build`."""

from rich.console import Console


def models_command(words: list[str]) -> int:
    """Run a command of the model library.

    Args:
        words: What follows `gnn-sim2real models`.

    Returns:
        Exit code: 1 if something is wrong with a model.
    """
    console = Console()
    match words:
        case ["build", *rest]:
            return _build(rest, console)
    raise ValueError(f"`gnn-sim2real models` knows build, got {words[0]!r}")


def _build(words: list[str], console: Console) -> int:
    from gnn_sim2real.study.command import say_failures, split_config
    from gnn_sim2real.study.pretrainings import read_library
    from gnn_sim2real.study.run import run_study

    config, options = read_library(*split_config(words))
    if options.dry_run:
        from gnn_sim2real.study.dry_run import say_plan

        say_plan(config, options, console)
        return 0
    outcomes = run_study(config, options)
    console.print(f"{outcomes['done']} models trained, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if outcomes["failed"]:
        say_failures(config, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)
