"""The command line `gnn-sim2real`: chooses the command, and turns errors into one line and an exit code."""

import importlib
import importlib.util
import os
import sys
from argparse import ArgumentError
from pathlib import Path

from gnn_sim2real.console import set_up_logging
from gnn_sim2real.files import is_disk_full

_HELP = """usage: gnn-sim2real COMMAND [options]

one model
  fit       train: gnn-sim2real fit -c configs/polymer/density/pretrain.yaml
  validate  error on the validation part
  test      error on the fixed test part; ScalingLawCallback writes a record
  predict   read a table of materials, write a table of predictions with units

several models, trained alike with different seeds
  predict MODEL MODEL ...    mean and standard deviation of their predictions
  calibrate MODEL MODEL ...  how far that standard deviation can be trusted: gnn-sim2real calibrate --help

data
  data      list data sets, download one, check a file: gnn-sim2real data --help

many models
  shotgun   the pretrained models that suit a few measurements, and an ensemble: gnn-sim2real shotgun --help
  models    a library of pretrained models: list, show, verify, export, push, build: gnn-sim2real models --help
  study     a grid of pretrainings and fine-tunings, and the scaling law: gnn-sim2real study --help
  law       the scaling law of a study or of any learning curve: fit, plan, compare: gnn-sim2real law --help

Each command explains its options with --help. Set GNN_SIM2REAL_DEBUG=1 to see where an error was raised."""


_ATTEMPTS = (
    "Does not validate against any of the Union subtypes",
    "Subtypes: ",
    "Errors:",
    "Expected a <class 'NoneType'>",
    "Given value type: ",
    "Given value: {",
    "Given value: Namespace(",
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; those of the process unless given.

    Returns:
        Exit code: 0; 2 for an error that the user can fix, printed in one line on stderr; 130 after an interrupt.
    """
    argv = sys.argv[1:] if argv is None else argv
    # Nothing leaves the machine unless the user asks for it.
    os.environ.setdefault("WANDB_MODE", "offline")
    set_up_logging()
    try:
        return _run(argv)
    except (ValueError, OSError, ArgumentError) as error:
        if os.environ.get("GNN_SIM2REAL_DEBUG"):
            raise
        advice = "; make room, and the same command goes on from here" if is_disk_full(error) else ""
        sys.stderr.write(f"error: {in_one_sentence(str(error))}{advice}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130


_COMMANDS = {
    "data": ("gnn_sim2real.cli.data", "data_command"),
    "study": ("gnn_sim2real.cli.study", "study_command"),
    "models": ("gnn_sim2real.cli.models", "models_command"),
    "law": ("gnn_sim2real.cli.law", "law_command"),
    "shotgun": ("gnn_sim2real.cli.shotgun", "shotgun_command"),
    "calibrate": ("gnn_sim2real.cli.ensemble", "calibrate_command"),
    "predict MODEL": ("gnn_sim2real.cli.ensemble", "predict_command"),
}
"""Module and function of each command; only that module is imported. All other commands are Lightning's."""


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_HELP + "\n")
        return 0
    if argv[0] == "--version":
        from gnn_sim2real import __version__

        sys.stdout.write(f"gnn-sim2real {__version__}\n")
        return 0
    require_own_datamodules()
    name = argv[0]
    if name == "predict" and argv[1:] and not argv[1].startswith("-"):
        name = "predict MODEL"
    if name in _COMMANDS:
        module, function = _COMMANDS[name]
        return int(getattr(importlib.import_module(module), function)(argv[1:]))
    if argv[0] not in ("fit", "validate", "test", "predict"):
        raise ValueError(f"there is no command {argv[0]!r}; `gnn-sim2real --help` lists them")
    from gnn_sim2real.config.lightning_cli import Sim2RealCLI

    Sim2RealCLI(argv)
    return 0


def in_one_sentence(message: str) -> str:
    """Extract the cause from the tree of attempts that jsonargparse lists; other messages stay as they are.

    Args:
        message: Message of an exception.
    """
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    causes = [line for line in lines if line and not line.startswith(_ATTEMPTS)]
    return " ".join(causes or lines).replace(" Given value: ", ", got ")


def require_own_datamodules() -> None:
    """Refuse to go on if another package named `datamodules` hides ours.

    Raises:
        ValueError: If `import datamodules` finds one that is not beside `gnn_sim2real`.
    """
    ours = Path(__file__).resolve().parents[2]
    spec = importlib.util.find_spec("datamodules")
    if spec is None or spec.origin is None:
        raise ValueError(
            "the package `datamodules` is missing; install gnn-sim2real again (pip install -e . or a wheel)"
        )
    found = Path(spec.origin).resolve().parents[1]
    if found != ours:
        raise ValueError(
            f"the package `datamodules` in {found} hides the one of gnn-sim2real in {ours}; uninstall it, or run from "
            "another folder"
        )
