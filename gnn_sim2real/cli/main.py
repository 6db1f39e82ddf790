"""The command line `gnn-sim2real`: chooses the command, and turns errors into one line and an exit code."""

# Nothing else is imported here: what `main` imports, Ctrl-C may interrupt.
import os
import sys

_HELP = """usage: gnn-sim2real COMMAND [options]

begin
  init      a project that runs at once on made-up rows: gnn-sim2real init my-project --kind polymer
  configs   the YAMLs that come with the package, read as -c configs:PATH: gnn-sim2real configs list

one model
  fit       train: gnn-sim2real fit -c configs/polymer/density/pretrain.yaml
  validate  error on the validation part
  test      error on the fixed test part; ScalingLawCallback writes a record
  predict   read a table of materials, write a table of predictions with units: gnn-sim2real predict MODEL FILE;
            or one material: gnn-sim2real predict starter:polymer/density '*CC(*)c1ccccc1'

  explain   what atoms, fragments, sites and elements contribute to a prediction: gnn-sim2real explain --help
  embed     features of materials from a layer of a model, as CSV, parquet or npy: gnn-sim2real embed --help

several models, trained alike with different seeds
  predict MODEL MODEL ... FILE    mean and standard deviation of their predictions
  calibrate MODEL MODEL ...  how far that standard deviation can be trusted: gnn-sim2real calibrate --help

data
  data      list data sets, download one, check a file: gnn-sim2real data --help

many models
  shotgun   an ensemble for a few measurements, from a library of pretrained models: gnn-sim2real shotgun --help
  predict ENSEMBLE FILE      its predictions, with intervals
  calibrate ENSEMBLE         whether these intervals hold
  suggest   which material of a pool to measure next: gnn-sim2real suggest --help
  models    a library of pretrained models: list, show, verify, export, push, build: gnn-sim2real models --help
  study     a grid of pretrainings and fine-tunings, and the scaling law: gnn-sim2real study --help
  reproduce a published study again, compared cell by cell: gnn-sim2real reproduce chi --quick
  law       the scaling law of a study or of any learning curve: fit, plan, next, compare: gnn-sim2real law --help

this machine
  doctor    versions, device, folders, extras and licenses, for the report of a bug

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

_SETTING_OF_THE_ENVIRONMENT = "PL_(FIT|VALIDATE|TEST|PREDICT|TRAINER|CONFIG)|JSONARGPARSE_DEFAULT_ENV"


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; those of the process unless given.

    Returns:
        Exit code: 0; 2 for an error that the user can fix, printed in one line on stderr; 70 for a fault of this
        package, whose traceback is in a file; 130 after Ctrl-C, and 128 plus the number of another signal that `fit`,
        `validate`, `test` or `predict` was stopped by.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        return _run(argv)
    except BaseException as error:
        from gnn_sim2real.errors import TrainingStoppedError

        if isinstance(error, TrainingStoppedError):
            sys.stderr.write(f"{error}\n")
            return error.exit_code
        if (stop := _find_stop(error)) is not None:
            of_lightning = argv and argv[0] in _OF_LIGHTNING
            sys.stderr.write(f"stopped; the same command {'starts again' if of_lightning else 'goes on from here'}\n")
            return 128 + stop.args[0] if of_lightning and stop.args else 130
        if not isinstance(error, Exception) or os.environ.get("GNN_SIM2REAL_DEBUG"):
            raise
        return _explain(error, argv)


def _find_stop(error: BaseException | None) -> KeyboardInterrupt | None:
    """The Ctrl-C that is the cause, if one is: Python makes other errors of one that comes while a class is made."""
    if isinstance(error, SystemExit):  # Lightning's
        return None
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _explain(error: Exception, argv: list[str]) -> int:
    """Say what went wrong in one line."""
    from argparse import ArgumentError

    from gnn_sim2real.console import visible
    from gnn_sim2real.databases.passwords import censor
    from gnn_sim2real.files import is_disk_full

    if isinstance(error, ValueError | OSError | ArgumentError | ModuleNotFoundError):
        goes_on = "run the command again" if argv and argv[0] in _OF_LIGHTNING else "the same command goes on from here"
        advice = f"; make room, and {goes_on}" if is_disk_full(error) else ""
        sys.stderr.write(f"error: {visible(censor(in_one_sentence(_without_number(error))))}{advice}\n")
        return 2
    if isinstance(error, MemoryError):
        sys.stderr.write("error: there is not enough memory; use a smaller table, model or `batch_size`\n")
        return 2
    sys.stderr.write(
        f"error: this is a bug of gnn-sim2real, please report it with the file {_save_traceback(argv)}: "
        f"{type(error).__name__}: {in_one_sentence(str(error))}\n"
    )
    return 70


def _without_number(error: Exception) -> str:
    """What an error says; of the system's own, first the file, and what to do where it may not be written."""
    import errno

    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    says = error.strerror[:1].lower() + error.strerror[1:]
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        says += "; give another place, or the right to read and write there"
    name = error.filename2 or error.filename
    return says if name is None else f"{name}: {says}"


def _save_traceback(argv: list[str]) -> str:
    """Write the traceback of the current error, with what a report needs, into a new file."""
    import re
    import tempfile
    import traceback

    from gnn_sim2real import __version__

    handle, path = tempfile.mkstemp(prefix="gnn-sim2real-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        text = f"gnn-sim2real {__version__}, Python {sys.version}\n{argv}\n\n{traceback.format_exc()}"
        file.write(re.sub(r"//[^/@\s]+@", "//...@", text))  # a password in an address
    return path


_COMMANDS = {
    "data": ("gnn_sim2real.cli.data", "data_command"),
    "study": ("gnn_sim2real.cli.study", "study_command"),
    "models": ("gnn_sim2real.cli.models", "models_command"),
    "law": ("gnn_sim2real.cli.law", "law_command"),
    "shotgun": ("gnn_sim2real.cli.shotgun", "shotgun_command"),
    "init": ("gnn_sim2real.cli.init", "init_command"),
    "configs": ("gnn_sim2real.cli.configs", "configs_command"),
    "doctor": ("gnn_sim2real.cli.doctor", "doctor_command"),
    "reproduce": ("gnn_sim2real.cli.reproduce", "reproduce_command"),
    "explain": ("gnn_sim2real.cli.explain", "explain_command"),
    "suggest": ("gnn_sim2real.cli.suggest", "suggest_command"),
    "embed": ("gnn_sim2real.cli.embed", "embed_command"),
    "calibrate": ("gnn_sim2real.cli.ensemble", "calibrate_command"),
    "predict MODEL": ("gnn_sim2real.cli.ensemble", "predict_command"),
    "predict ENSEMBLE": ("gnn_sim2real.cli.shotgun_ensemble", "predict_command"),
    "calibrate ENSEMBLE": ("gnn_sim2real.cli.shotgun_ensemble", "calibrate_command"),
}
"""Module and function of each command; only that module is imported."""

_OF_LIGHTNING = ("fit", "validate", "test", "predict")
"""Commands of LightningCLI, which do not go on by themselves after an interrupt."""


def _run(argv: list[str]) -> int:
    from gnn_sim2real.console import set_up_logging

    os.environ.setdefault("WANDB_MODE", "offline")  # nothing leaves the machine unless the user asks for it
    set_up_logging()
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_HELP + "\n")
        return 0
    if argv[0] == "--version":
        from gnn_sim2real import __version__

        sys.stdout.write(f"gnn-sim2real {__version__}\n")
        return 0
    require_own_datamodules()
    refuse_settings_of_the_environment()
    if argv[0] != "configs":
        from gnn_sim2real.config.shipped import replace_addresses, require_configs

        argv = replace_addresses(argv)
        require_configs(argv[1:])
    name, argv = _find_command(argv)
    if name not in _COMMANDS and name not in _OF_LIGHTNING:
        raise ValueError(f"there is no command {argv[0]!r}; `gnn-sim2real --help` lists them")
    return _call(name, argv)


def _call(name: str, argv: list[str]) -> int:
    """Run a command, which signals stop like Ctrl-C, so that it writes what it has and leaves nothing behind.

    While it trains, `fit` listens itself.
    """
    import signal
    import threading
    from types import FrameType

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        return _call_function(name, argv)
    names = ("SIGTERM", "SIGUSR1") if name in _OF_LIGHTNING else ("SIGTERM",)
    numbers = [getattr(signal, each) for each in names if hasattr(signal, each)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        return _call_function(name, argv)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _call_function(name: str, argv: list[str]) -> int:
    """Import the module of a command, and call its function."""
    import importlib

    if name in _COMMANDS:
        module, function = _COMMANDS[name]
        return int(getattr(importlib.import_module(module), function)(argv[1:]))
    from gnn_sim2real.config.lightning_cli import Sim2RealCLI

    Sim2RealCLI(argv)
    return 0


def _find_command(argv: list[str]) -> tuple[str, list[str]]:
    """Which command is asked for: `predict` and `calibrate` go by what they are given."""
    name = argv[0]
    if name == "predict":
        from gnn_sim2real.config.options import take_option

        for option in ("output", "overwrite"):
            if any(each.partition("=")[0] == f"--{option}" for each in argv):
                raise ValueError(f"`predict` has no `--{option}`; it is `--prediction.{option}`")
        model, rest = take_option(argv[1:], "--ckpt_path")
        knows_all = model is not None and not any(each.partition("=")[0] in ("-c", "--config") for each in rest)
        if knows_all and not any(each.startswith(("--model", "--data=", "--data.class_path")) for each in rest):
            argv = [name, str(model), *rest]  # the model knows how it reads its data
        if argv[1:] and not argv[1].startswith("-"):
            name = "predict MODEL"
    if name in ("predict MODEL", "calibrate") and argv[1:] and os.path.isfile(f"{argv[1]}/ensemble.json"):  # noqa: PTH113
        name = f"{argv[0]} ENSEMBLE"
    return name, argv


def in_one_sentence(message: str) -> str:
    """Extract the cause from the tree of attempts that jsonargparse lists; other messages stay as they are.

    Args:
        message: Message of an exception.
    """
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    causes = [line for line in lines if line and not line.startswith(_ATTEMPTS)]
    return " ".join(causes or lines).replace(" Given value: ", ", got ")


def refuse_settings_of_the_environment() -> None:
    """Refuse environment variables from which Lightning or jsonargparse would take settings, here and in studies.

    Raises:
        ValueError: If there is one.
    """
    import re

    found = [name for name in sorted(os.environ) if re.match(_SETTING_OF_THE_ENVIRONMENT, name)]
    if found:
        raise ValueError(
            f"the environment variable {found[0]} is not read: settings come from YAMLs and the command line alone; "
            "unset it, and give the setting there"
        )


def require_own_datamodules() -> None:
    """Refuse to go on if another package named `datamodules` hides ours.

    Raises:
        ValueError: If `import datamodules` finds one that is not beside `gnn_sim2real`.
    """
    import importlib.util
    from pathlib import Path

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
