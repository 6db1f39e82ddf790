"""The YAMLs that come with the package, addressed as `configs:PATH` wherever a command takes a file."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import gnn_sim2real

PREFIX = "configs:"


def configs_folder() -> Path:
    """The folder of the YAMLs: inside of the installed package, or beside it in a checkout.

    Raises:
        ValueError: If it is at neither place.
    """
    package = Path(gnn_sim2real.__file__).parent
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    raise ValueError("the configurations of gnn-sim2real are missing; install it again (pip install -e . or a wheel)")


def list_configs() -> list[str]:
    """Addresses of all files, without `configs:`, in the order of their names."""
    folder = configs_folder()
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def find_config(address: str) -> Path:
    """The file of an address.

    Args:
        address: `configs:PATH`, or PATH alone; the ending `.yaml` may be left out.

    Returns:
        An absolute path.

    Raises:
        ValueError: If there is no such file; the message names the nearest ones.
    """
    name, names = address.removeprefix(PREFIX).strip("/"), list_configs()
    for each in (name, f"{name}.yaml"):
        if each in names:
            return configs_folder() / each
    below = [each for each in names if each.startswith(f"{name}/")]
    near = below or nearest(name, names)
    advice = f"there are {', '.join(near[:8])}" if near else "`gnn-sim2real configs list` shows all"
    raise ValueError(f"there is no file {PREFIX}{name}; {advice}")


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """The names of files that look most like the one asked for, by their whole path or by their last part.

    Args:
        name: What was asked for.
        names: What there is.
    """
    last = {each: each.rpartition("/")[2] for each in names}
    alike = [each for each, part in last.items() if part == name.rpartition("/")[2]]
    close = get_close_matches(name, names, n=5, cutoff=0.6)
    return list(dict.fromkeys([*close, *get_close_matches(name, alike, n=5, cutoff=0.0)]))[:5]


def replace_addresses(argv: Sequence[str]) -> list[str]:
    """Put the file in the place of every `configs:PATH` of a command line.

    Args:
        argv: Arguments of the command line, where an address stands alone or after an equals sign.

    Raises:
        ValueError: If an address names no file.
    """
    return [_replace(word) for word in argv]


def _replace(word: str) -> str:
    option, equals, value = word.partition("=")
    if word.startswith(PREFIX):
        return str(find_config(word))
    if equals and option.startswith("-") and value.startswith(PREFIX):
        return f"{option}={find_config(value)}"
    return word


def require_configs(argv: Sequence[str]) -> None:
    """Refuse a command line whose `-c` names a file that does not exist.

    Args:
        argv: Arguments of the command line.

    Raises:
        ValueError: If a file is missing; the message names files that are near, in its folder or in the package.
    """
    from gnn_sim2real.config.options import take_options

    files, _ = take_options(argv, "-c", "--config")
    for each in files:
        path = Path(each)
        if not each:
            raise ValueError("`-c` needs the name of a YAML, got an empty one")
        if path.is_dir():
            inside = sorted(str(found) for ending in ("*.yaml", "*.yml") for found in path.glob(ending))
            advice = f"give one of its files, e.g. {inside[0]}" if inside else "`-c` takes a YAML, and it has none"
            raise ValueError(f"{each} is a folder: {advice}")
        if path.exists() or "\n" in each or ":" in each:  # a YAML may stand on the command line itself
            continue
        beside = [str(found) for ending in ("*.yaml", "*.yml") for found in sorted(path.parent.glob(ending))]
        shipped = [f"{PREFIX}{name}" for name in nearest(each.removeprefix("configs/"), list_configs())]
        near = [*nearest(each, beside), *shipped][:5]
        advice = (
            f"did you mean {', '.join(near)}?" if near else "`gnn-sim2real configs list` shows those of the package"
        )
        raise ValueError(f"there is no file {each}; {advice}")
