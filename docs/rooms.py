"""Draw the rooms of the package and the imports between them: `python docs/rooms.py` writes `docs/rooms.svg`.

A room is a folder of `gnn_sim2real`, or a module that lies loose in its root; `datamodules` is one room.
"""

import ast
import itertools
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

ROOT = Path(__file__).parents[1]
PACKAGES = ("gnn_sim2real", "datamodules")
PICTURE = ROOT / "docs/rooms.svg"
WIDTH, SLOTS, NUM_TRIALS = 10.0, 7, 6000


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


def arrange(levels: list[list[str]], edges: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Find places at which few arrows run behind a box or cross each other, by random exchanges.

    Args:
        levels: From `find_levels`.
        edges: Arrows that are drawn.

    Returns:
        Place (x, y) of each room.
    """

    def places(grid: list[list[str | None]]) -> dict[str, tuple[float, float]]:
        found = {}
        for height, row in enumerate(grid):
            found |= {room: ((slot + 0.5) / SLOTS * WIDTH, float(height)) for slot, room in enumerate(row) if room}
        return found

    def badness(place: dict[str, tuple[float, float]]) -> float:
        lines = [(*place[room], *place[below]) for room, below in edges]
        bad = 0.0
        for x, y, to_x, to_y in lines:
            bad += abs(x - to_x) / WIDTH
            between = [(at, height) for at, height in place.values() if to_y < height < y]
            bad += 10 * sum(abs(x + (to_x - x) * (y - height) / (y - to_y) - at) < 0.8 for at, height in between)
        for (x, y, to_x, to_y), (u, v, to_u, to_v) in itertools.combinations(lines, 2):
            low, high = max(to_y, to_v), min(y, v)
            if low < high and (x, y) != (u, v) and (to_x, to_y) != (to_u, to_v):
                slope, other = (to_x - x) / (to_y - y), (to_u - u) / (to_v - v)
                gaps = [x + slope * (at - y) - u - other * (at - v) for at in (low, high)]
                bad += 2 * (gaps[0] * gaps[1] < 0)
        return bad

    random = np.random.default_rng(0)
    best: list[list[str | None]] = []
    for level in levels:
        before = (SLOTS - len(level)) // 2
        best.append([None] * before + list(level) + [None] * (SLOTS - before - len(level)))
    least = badness(places(best))
    for _ in range(NUM_TRIALS):
        grid = [list(row) for row in best]
        row = grid[random.integers(len(grid))]
        one, other = random.integers(SLOTS, size=2)
        row[one], row[other] = row[other], row[one]
        bad = badness(places(grid))
        if bad <= least:
            best, least = grid, bad
    return places(best)


def edge_of(box: "Bbox", other: "Bbox") -> np.ndarray:
    """Where the line between the centers of two boxes leaves the first."""
    center, other_center = (np.array([(each.x0 + each.x1) / 2, (each.y0 + each.y1) / 2]) for each in (box, other))
    way = other_center - center
    return center + way * min(box.width / 2 / max(abs(way[0]), 1e-9), box.height / 2 / max(abs(way[1]), 1e-9))


def draw(arrows: Mapping[str, set[str]], path: Path) -> None:
    """Draw the folders in their levels, above the loose modules, which all of them may import.

    Args:
        arrows: From `find_arrows`. One is left out where a longer way says the same.
        path: The SVG.
    """
    import matplotlib.pyplot as plt
    import networkx as nx

    plt.rcParams |= {"svg.hashsalt": "rooms", "svg.fonttype": "none"}
    loose = sorted(room for room in arrows if (ROOT / f"gnn_sim2real/{room}.py").exists())
    folders = {room: below - set(loose) for room, below in arrows.items() if room not in loose}
    graph = nx.transitive_reduction(nx.DiGraph((room, below) for room, rooms in folders.items() for below in rooms))
    place = arrange(find_levels(folders), sorted(graph.edges))
    per_row = -(-len(loose) // 2)
    for number, room in enumerate(loose):
        row, column = divmod(number, per_row)
        place[room] = ((column + 0.5) / per_row * WIDTH, -1.0 - 0.55 * row)
    top = max(height for _, height in place.values())
    figure, axes = plt.subplots(figsize=(11, 0.95 * (top + 3)))
    texts = {}
    for room, (x, y) in place.items():
        color = "#f2f2f2" if room in loose else "#fff3d6" if room == "datamodules" else "#dcebf7"
        box = {"boxstyle": "round,pad=0.4", "fc": color, "ec": "0.4"}
        text = axes.text(x, y, room if room in loose else f"{room}/", ha="center", va="center", bbox=box, zorder=2)
        texts[room] = text
    axes.axhline(-0.5, color="0.8", linewidth=1)
    axes.text(0, -0.45, "folders", color="0.5", va="bottom")
    axes.text(0, -0.55, "loose modules, imported by any folder", color="0.5", va="top")
    axes.set(xlim=(0, WIDTH), ylim=(-1.9, top + 0.4))
    axes.axis("off")
    figure.canvas.draw()  # the boxes know their places only then
    boxes = {room: text.get_bbox_patch().get_window_extent() for room, text in texts.items()}
    style = {"arrowstyle": "-|>", "color": "0.55", "shrinkA": 0, "shrinkB": 2}
    to_data = axes.transData.inverted().transform
    for room, below in sorted(graph.edges):
        tip, tail = edge_of(boxes[below], boxes[room]), edge_of(boxes[room], boxes[below])
        axes.annotate("", to_data(tip), to_data(tail), arrowprops=style)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


if __name__ == "__main__":
    draw(
        find_arrows({module: read_imports(ast.parse(path.read_text())) for module, path in find_modules().items()}),
        PICTURE,
    )
