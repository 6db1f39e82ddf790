"""`gnn-sim2real configs list | copy`."""

import shutil
from pathlib import Path

from jsonargparse import ArgumentParser

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.config.shipped import PREFIX, configs_folder, find_config, list_configs
from gnn_sim2real.console import open_console

_HELP = f"""usage: gnn-sim2real configs list [WORD]
       gnn-sim2real configs copy NAME [FOLDER]

The YAMLs that come with the package. Every command reads them by their address, e.g.
`gnn-sim2real study run -c {PREFIX}polymer/density_open/quick.yaml`.

list    their addresses, with what each says of itself; with WORD only those that contain it
copy    copy a file, or a folder with all its files, to change it; nothing that exists is overwritten"""


def configs_command(argv: list[str]) -> int:
    """Run a command about the YAMLs of the package.

    Args:
        argv: Arguments after `gnn-sim2real configs`.

    Returns:
        Exit code.

    Raises:
        ValueError: If there is no such command.
    """
    console = open_console()
    match argv:
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
        case ["list", *rest]:
            parser = ArgumentParser(prog="gnn-sim2real configs list", description="List the YAMLs of the package.")
            parser.add_argument("word", nargs="?", default="", help="only addresses that contain it")
            word = parse_options(parser, rest).word
            names = [name for name in list_configs() if word in name]
            if not names:
                raise ValueError(f"no address contains {word!r}; `gnn-sim2real configs list` shows all")
            width = max(map(len, names))
            for name in names:
                line = f"{PREFIX}{name:<{width}}  {_first_sentence(configs_folder() / name)}".rstrip()
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            return 0
        case ["copy", *rest]:
            parser = ArgumentParser(prog="gnn-sim2real configs copy", description="Copy YAMLs of the package.")
            parser.add_argument("name", help="address of a file or folder")
            parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where to; here unless given")
            options = parse_options(parser, rest)
            for path in copy_configs(options.name, options.folder):
                console.print(str(path), markup=False, highlight=False, soft_wrap=True)
            return 0
    raise ValueError(f"there is no command `configs {argv[0]}`; choose list or copy")


def _first_sentence(path: Path) -> str:
    """The first sentence of the comment at the head of a file."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line.startswith(("# gnn-sim2real", "# GNN_SIM2REAL")):
            break
        if not line.startswith(("#!", "#SBATCH")):
            comment.append(line.lstrip("# "))
    sentence, dot, _ = " ".join(comment).partition(". ")
    return sentence + dot.strip()


def copy_configs(name: str, folder: Path) -> list[Path]:
    """Copy a file, or a folder with all its files.

    Args:
        name: Address of the file or folder, with or without `configs:`.
        folder: Where to; it is made if it does not exist.

    Returns:
        The copies.

    Raises:
        ValueError: If there is nothing of that name, or a file of that name exists at the new place; then nothing is
            copied.
    """
    address = name.removeprefix(PREFIX).strip("/")
    if below := [each for each in list_configs() if each.startswith(f"{address}/")]:
        above = len(address.rpartition("/")[0])
        pairs = [(configs_folder() / each, folder / each[above:].strip("/")) for each in below]
    else:
        file = find_config(name)
        pairs = [(file, folder / file.name)]
    taken = [str(copy) for _, copy in pairs if copy.exists()]
    if taken:
        raise ValueError(f"{taken[0]} exists and is not overwritten; give another folder: `configs copy {name} FOLDER`")
    for original, copy in pairs:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
    return [copy for _, copy in pairs]
