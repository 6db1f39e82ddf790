"""`gnn-sim2real doctor`: what a report of a bug needs to say of this machine."""

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_sim2real.config.command import Command

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "gnn-sim2real"
_VARIABLES = ("GNN_SIM2REAL_", "WANDB_", "OMP_", "MKL_", "CUDA_VISIBLE", "SLURM_JOB", "RAY_", "HF_HOME", "PYTHONPATH")
_SECRET = ("KEY", "TOKEN", "PASSWORD", "SECRET")


def doctor() -> int:
    """Print versions, device, folders, extras and licenses in use, to be pasted into the report of a bug.

    Secrets are not shown. The exit code is 1 if a library that is needed is missing, or of a version that does not fit.
    """
    from gnn_sim2real.console import open_console

    libraries, problems = _libraries()
    sections = {
        "machine": _machine(),
        "libraries": libraries,
        "extras": _extras(),
        "folders": _folders(),
        "environment": _environment(),
        "licenses": _licenses(),
    }
    console = open_console()
    for title, lines in sections.items():
        console.print(title, style="bold", markup=False, highlight=False)
        for name, value in lines.items():
            console.print(f"  {name:<24} {value}", markup=False, highlight=False, soft_wrap=True)
    for problem in problems:
        console.print(f"problem: {problem}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    return int(bool(problems))


def _machine() -> dict[str, str]:
    import psutil
    import torch

    from gnn_sim2real import __version__

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    gpus += ["Apple GPU"] if torch.backends.mps.is_available() else []
    memory = psutil.virtual_memory()
    return {
        "gnn-sim2real": f"{__version__} in {Path(__file__).parents[1]}",
        "Python": f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform(),
        "processor": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of torch",
        "memory": f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
        "device": ", ".join(gpus) or "CPU alone",
    }


def _libraries() -> tuple[dict[str, str], list[str]]:
    """Version of each library that is needed, and what is wrong with them."""
    from gnn_sim2real.foundation.encoder import installed_version

    found, problems = {}, []
    for each in _requirements():
        if each.marker is None:
            installed = installed_version(each.name)
            found[each.name] = installed or "missing"
            if installed is None:
                problems.append(f"{each.name} is missing; install {DISTRIBUTION} again")
            elif installed.partition("+")[0] not in each.specifier:
                problems.append(f"{each.name} {installed} does not fit, wanted is {each.specifier}")
    return found, problems


def _requirements() -> "list[Requirement]":
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    try:
        return [Requirement(each) for each in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        return []


def _extras() -> dict[str, str]:
    """Of each extra what is installed, or how to install it."""
    from gnn_sim2real.foundation.encoder import installed_version

    wanted: dict[str, list[str]] = {}
    for each in _requirements():
        extra = str(each.marker).rpartition("extra == ")[2].strip("\"'") if each.marker else ""
        if extra and each.name != DISTRIBUTION:
            wanted.setdefault(extra, []).append(each.name)
    found = {}
    for extra, names in sorted(wanted.items()):
        missing = [name for name in names if installed_version(name) is None]
        have = ", ".join(f"{name} {installed_version(name)}" for name in names if name not in missing)
        found[extra] = f"no: pip install '{DISTRIBUTION}[{extra}]'" if missing else have
    return found


def _folders() -> dict[str, str]:
    from gnn_sim2real.files import data_folders, default_cache_folder
    from gnn_sim2real.library import default_library
    from gnn_sim2real.library.folder import ModelLibrary

    library = default_library()
    models = len(ModelLibrary(library).keys()) if library.exists() else 0
    return {
        "cache": _place(default_cache_folder()),
        "data": "; ".join(map(_place, data_folders())),
        "library": f"{_place(library)}, {models:,} models",
        "here": _place(Path.cwd()),
    }


def _place(path: Path) -> str:
    """A folder, whether it can be written, and the room on its disk."""
    there = path if path.exists() else next((each for each in path.absolute().parents if each.exists()), Path("/"))
    room = f"{shutil.disk_usage(there).free / 2**30:.1f} GiB free"
    state = [] if path.exists() else ["not there yet"]
    state += [] if os.access(there, os.W_OK) else ["cannot be written"]
    return f"{path} ({', '.join([*state, room])})"


def _environment() -> dict[str, str]:
    """Variables that change what commands do; of secrets only that they are set."""
    names = sorted(name for name in os.environ if name.startswith(_VARIABLES))
    return {name: "set, not shown" if _is_secret(name) else os.environ[name] for name in names} or {"-": "none set"}


def _is_secret(name: str) -> bool:
    return any(word in name for word in _SECRET)


def _licenses() -> dict[str, str]:
    """Licenses of the tables in the package, and of the foundation encoders that are installed."""
    from gnn_sim2real.data.registry import find_sheets
    from gnn_sim2real.foundation import ENCODERS

    found = {name: sheet.license for name, (sheet, _) in find_sheets().items() if sheet.origin == "in the package"}
    return found | {name: each.licence for name, each in ENCODERS.classes().items() if not each.missing()}


COMMAND = Command("this machine", "versions, device, folders, extras and licenses, for the report of a bug", doctor)
