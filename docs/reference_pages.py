"""The pages of reference, made when the site is built: commands from their help, Python and YAML from docstrings."""

import contextlib
import inspect
import io
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

import gnn_sim2real
from gnn_sim2real.cli.main import find_commands, load_command
from gnn_sim2real.cli.main import main as command

CLASSES = {
    "Encoders": ("gnn_sim2real.nn", "gnn_sim2real.nn.encoder.Encoder"),
    "Data sets": ("datamodules", "gnn_sim2real.data.module.PropertyDataModule"),
    "Training": ("gnn_sim2real.tasks", "lightning.pytorch.LightningModule"),
    "Callbacks": ("gnn_sim2real.tasks", "lightning.pytorch.Callback"),
    "Fine-tuning policies": ("gnn_sim2real.tasks.policies", "gnn_sim2real.tasks.policies.base.FineTuningPolicy"),
    "Splits": ("gnn_sim2real.splits", "gnn_sim2real.splits.split.Split"),
    "Orders of acquisition": ("gnn_sim2real.splits.acquisition", "gnn_sim2real.splits.acquisition.order.Order"),
    "Forms of the law": ("gnn_sim2real.law.forms", "gnn_sim2real.law.forms.form.Form"),
}
"""Heading, package and base class of what a YAML names."""


def commands() -> str:
    """Each command with its help."""
    parts = ["# Commands\n", "What `--help` says of each command.\n"]
    for each in ("", *names_of_commands()):
        parts += [f"## gnn-sim2real {each}".rstrip() + "\n", f"```text\n{help_of(each)}\n```\n"]
    return "\n".join(parts)


def names_of_commands() -> Iterator[str]:
    """All commands, each followed by its subcommands; of those of LightningCLI, which take the same options, one."""
    for name in find_commands():
        if name not in ("validate", "test"):
            yield name
            run = getattr(load_command(name), "run", None)
            yield from (f"{name} {each}" for each in (run if isinstance(run, Mapping) else ()) if each)


def help_of(name: str) -> str:
    """The help of a command, at a width of 100 characters."""
    os.environ["COLUMNS"] = "100"
    printed, before = io.StringIO(), sys.argv
    sys.argv = ["gnn-sim2real"]  # its help has the name of the program
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        command([*name.split(), "--help"])
    sys.argv = before
    return printed.getvalue().strip()


def python() -> str:
    """What `from gnn_sim2real import` offers."""
    names = sorted(gnn_sim2real.__all__)
    return "# Python\n\nWhat `from gnn_sim2real import NAME` offers.\n\n" + directives(
        f"{(found := getattr(gnn_sim2real, name)).__module__}.{found.__qualname__}" for name in names
    )


def classes() -> str:
    """The classes that a YAML names, room by room."""
    parts = ["# Classes in YAML\n\nWhat `class_path` takes, and the settings of each under `init_args`.\n"]
    for heading, (package, base) in CLASSES.items():
        found = sorted(subclasses(package, base), key=lambda kind: kind.__name__)
        parts.append(f"# {heading}\n\n" + directives(f"{kind.__module__}.{kind.__qualname__}" for kind in found))
    return "\n".join(parts)


def subclasses(package: str, base: str) -> set[type]:
    """The public classes in the modules of a package that are of a kind."""
    module, _, name = base.rpartition(".")
    kind = getattr(import_module(module), name)
    root = import_module(package)
    names = [package, *(each.name for each in pkgutil.walk_packages(root.__path__, f"{package}."))]
    return {
        member
        for each in names
        for member in vars(import_module(each)).values()
        if inspect.isclass(member)
        and issubclass(member, kind)
        and member.__module__.startswith(package)
        and not member.__name__.startswith("_")
    }


def directives(paths: Iterable[str]) -> str:
    """Directives of mkdocstrings for objects."""
    return "".join(f"::: {path}\n\n" for path in paths)


def pages() -> dict[str, str]:
    """Content of each page by its path."""
    return {"reference/python.md": python(), "reference/commands.md": commands(), "reference/classes.md": classes()}
