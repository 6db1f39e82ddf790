"""The command line `gnn-sim2real`: chooses the command, and turns errors into one line and an exit code."""

# Nothing else is imported here: what `main` imports, Ctrl-C may interrupt.
import os
import sys

TYPE_CHECKING = False  # the module `typing` is not imported
if TYPE_CHECKING:
    from gnn_sim2real.config.command import Command

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

    from gnn_sim2real.config.wording import in_one_sentence
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


_SECTIONS = ("begin", "one model", "data", "many models", "this machine")
_ORDER = ("init", "fit", "validate", "test", "predict", "calibrate", "shotgun", "study", "law", "reproduce", "models")
"""Sections of the help, and commands in the order of work; others come after them."""

_END = """Each command explains its options with --help. GNN_SIM2REAL_DEBUG=1 shows where an
error was raised."""

_OF_LIGHTNING = ("fit", "validate", "test", "predict")
"""Commands of LightningCLI, which do not go on by themselves after an interrupt."""


def _run(argv: list[str]) -> int:
    from gnn_sim2real.console import set_up_logging

    os.environ.setdefault("WANDB_MODE", "offline")  # nothing leaves the machine unless the user asks for it
    set_up_logging()
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_format_help())
        return 0
    if argv[0] == "--version":
        from gnn_sim2real import __version__

        sys.stdout.write(f"gnn-sim2real {__version__}\n")
        return 0
    require_own_datamodules()
    refuse_settings_of_the_environment()
    name = argv[0]
    if name not in (names := find_commands()):
        raise ValueError(_format_unknown(name, names))
    if name != "configs":
        from gnn_sim2real.config.shipped import replace_addresses, require_configs

        argv = replace_addresses(argv)
        require_configs(argv[1:])
    return _call(name, argv[1:])


def find_commands() -> list[str]:
    """Names of all commands: those of the files of this folder, but for this one and those that begin with `_`."""
    from pkgutil import iter_modules

    from gnn_sim2real import cli

    found = (each.name for each in iter_modules(cli.__path__))
    return [name.replace("_", "-") for name in found if name != "main" and not name.startswith("_")]


def load_command(name: str) -> "Command":
    """Import the file of a command.

    Args:
        name: Name of the command.
    """
    import importlib

    command: Command = importlib.import_module(f"gnn_sim2real.cli.{name.replace('-', '_')}").COMMAND
    return command


def _format_unknown(name: str, names: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ";"
    return f"there is no command {name!r}{guess} `gnn-sim2real --help` lists them"


def _format_help() -> str:
    """The help of all commands, section by section."""
    from gnn_sim2real.config.help import format_list

    commands = {name: load_command(name) for name in find_commands()}
    known = [*_SECTIONS, *sorted({each.section for each in commands.values()} - {*_SECTIONS})]
    parts = ["usage: gnn-sim2real COMMAND [options]"]
    for section in known:
        own = {name: each for name, each in commands.items() if each.section == section}
        ordered = sorted(own, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
        parts.append(f"{section}\n{format_list({name: own[name].about for name in ordered})}")
    parts.append(_END)
    return "\n\n".join(parts) + "\n"


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
        return load_command(name)(name, argv)
    names = ("SIGTERM", "SIGUSR1") if name in _OF_LIGHTNING else ("SIGTERM",)
    numbers = [getattr(signal, each) for each in names if hasattr(signal, each)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        return load_command(name)(name, argv)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
