"""`gnn-sim2real configs`: the YAMLs that come with the package."""

from collections.abc import Iterable
from pathlib import Path

from gnn_sim2real.config.command import Command


def list_(word: str = "") -> None:
    """List the YAMLs by their address, with what each says of itself.

    Args:
        word: Only addresses that contain it.

    Raises:
        ValueError: If there is none.
    """
    from gnn_sim2real.config.shipped import PREFIX, configs_folder, list_configs

    names = [name for name in list_configs() if word in name]
    if not names:
        raise ValueError(f"no address contains {word!r}; `gnn-sim2real configs list` shows all")
    width = max(map(len, names))
    _print(f"{PREFIX}{name:<{width}}  {_first_sentence(configs_folder() / name)}".rstrip() for name in names)


def copy(name: str, folder: Path = Path()) -> None:
    """Copy a YAML, or a folder with all its files, to change it; nothing that exists is overwritten.

    Args:
        name: Address of the file or folder, with or without `configs:`.
        folder: Where to; the working folder unless given.
    """
    _print(map(str, copy_configs(name, folder)))


def _print(lines: Iterable[str]) -> None:
    from gnn_sim2real.console import open_console

    console = open_console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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
    import shutil

    from gnn_sim2real.config.shipped import PREFIX, configs_folder, find_config, list_configs

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


COMMAND = Command(
    "begin",
    "the YAMLs that come with the package, which every command reads as configs:PATH",
    {"list": list_, "copy": copy},
    examples={
        "configs list density": "the YAMLs about densities",
        "configs copy polymer/density_open my-study": "a folder of YAMLs, to change them",
    },
)
