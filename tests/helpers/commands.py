"""Commands in a folder of a test, for scripts that find them by PATH."""

import os
import sys
from pathlib import Path

ROOT, HELPERS = Path(__file__).parents[2], Path(__file__).parent


def write_command(folder: Path, name: str, text: str) -> None:
    """An executable file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def surroundings(folder: Path) -> dict[str, str]:
    """Environment in which `gnn-sim2real` is this checkout, and commands in the folder come before all others."""
    program = f"#!{sys.executable}\nfrom gnn_sim2real.cli.main import main\nraise SystemExit(main())\n"
    write_command(folder, "gnn-sim2real", program)
    path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}"}
    return dict(os.environ) | path
