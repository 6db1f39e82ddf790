"""Draw the rooms of the package and the imports between them: `python docs/rooms.py` writes `docs/rooms.svg`.

A room is a folder of `gnn_sim2real`, or a module that lies loose in its root; `datamodules` is one room.
"""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("gnn_sim2real", "datamodules")
PICTURE = ROOT / "docs/rooms.svg"


def find_modules() -> dict[str, Path]:
    """Files of the modules of both packages, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read_imports(tree: ast.AST) -> set[str]:
    """Full names of all that a module imports, wherever in the file; of `from a import b` both a and a.b.

    Raises:
        ValueError: If it imports by a relative name.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError("imports are by full names")
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str:
    """Room of a module, by dotted name."""
    package, _, inside = module.partition(".")
    return inside.partition(".")[0] if package == "gnn_sim2real" and inside else package


def find_arrows(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which rooms each room imports.

    Args:
        imports: What each module imports, by dotted name.
    """
    arrows: dict[str, set[str]] = defaultdict(set)
    for module, names in imports.items():
        # The root only holds the version and what it hands on from the rooms.
        if module != "gnn_sim2real":
            arrows[room_of(module)] |= {room_of(name) for name in names & imports.keys() - {"gnn_sim2real"}}
    return {room: rooms - {room} for room, rooms in sorted(arrows.items())}


def find_levels(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Rooms from the ground up: a level imports only from levels below it.

    Raises:
        ValueError: If the rooms import each other in a circle.
    """
    levels: list[list[str]] = []
    left = dict(arrows)
    while left:
        level = sorted(room for room, below in left.items() if not below & left.keys())
        if not level:
            raise ValueError(f"a circle of imports among {', '.join(sorted(left))}")
        levels.append(level)
        left = {room: below for room, below in left.items() if room not in level}
    return levels


def draw(arrows: Mapping[str, set[str]], path: Path) -> None:
    """Draw the folders in their levels, above the loose modules, which all of them may import.

    Args:
        arrows: From `find_arrows`. One is left out where a longer way says the same.
        path: The SVG.
    """
    import matplotlib.pyplot as plt
    import networkx as nx
    from matplotlib.patches import FancyArrowPatch

    plt.rcParams |= {"svg.hashsalt": "rooms", "svg.fonttype": "none"}
    loose = sorted(room for room in arrows if (ROOT / f"gnn_sim2real/{room}.py").exists())
    folders = {room: below - set(loose) for room, below in arrows.items() if room not in loose}
    graph = nx.transitive_reduction(nx.DiGraph((room, below) for room, rooms in folders.items() for below in rooms))
    levels = [loose, *find_levels(folders)]
    place = {
        room: ((number + 0.5) / len(level) * 10, height)
        for height, level in enumerate(levels)
        for number, room in enumerate(level)
    }
    figure, axes = plt.subplots(figsize=(11, 0.95 * len(levels)))
    for room, below in sorted(graph.edges):
        shrink = 32 if abs(place[room][0] - place[below][0]) > 1 else 15  # boxes are wider than high
        arrow = {"arrowstyle": "-|>", "mutation_scale": 12, "shrinkA": 14, "shrinkB": shrink, "color": "0.55"}
        axes.add_patch(FancyArrowPatch(place[room], place[below], zorder=1, **arrow))
    for room, (x, y) in place.items():
        color = "#f2f2f2" if room in loose else "#fff3d6" if room == "datamodules" else "#dcebf7"
        box = {"boxstyle": "round,pad=0.4", "fc": color, "ec": "0.4"}
        axes.text(x, y, room if room in loose else f"{room}/", ha="center", va="center", bbox=box, zorder=2)
    axes.axhline(0.45, color="0.8", linewidth=1)
    axes.text(0, 0.5, "folders", color="0.5", va="bottom")
    axes.text(0, 0.4, "loose modules, imported by any folder", color="0.5", va="top")
    axes.set(xlim=(0, 10), ylim=(-0.4, len(levels) - 0.6))
    axes.axis("off")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


if __name__ == "__main__":
    draw(
        find_arrows({module: read_imports(ast.parse(path.read_text())) for module, path in find_modules().items()}),
        PICTURE,
    )
