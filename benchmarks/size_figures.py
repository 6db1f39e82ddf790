"""Draws the published cases of `docs/value.md` over both sizes, with their paired gains: `results/STUDY_sizes.png`."""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from gnn_sim2real.law.fit import MIN_SIZES, fit_law
from gnn_sim2real.law.surface import fit_surface
from gnn_sim2real.records.curves import Kind
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.size_curves import size_curves
from gnn_sim2real.records.size_figure import Laws, draw_sizes
from gnn_sim2real.records.study_figure import quantity_of

_ROOT = Path(__file__).parents[1]
_WIDTH = 1800  # pixels; a page shows no more
_RESULTS = Path(__file__).parent / "results"
sys.path.insert(0, str(_ROOT / "docs"))

from value_page import CASES, Case  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", help="names of results (default: all of the page)")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="folder to write to")
    arguments = parser.parse_args()
    for case in CASES:
        if not arguments.studies or case.study in arguments.studies:
            draw(case, arguments.output)
            print(f"{case.study}_sizes.png", flush=True)


def draw(case: Case, folder: Path) -> None:
    """Draw the model of a case."""
    published = read_published(_RESULTS / f"{case.study}.json")
    table = tabulate_records(published.records)
    results = Results(table, "mae", pulls=published.pulls)
    kind = Kind(case.architecture, case.policy)
    (curves,) = size_curves(results, [kind])
    models, grid = results.models, results.grids[kind]
    laws = Laws(
        {
            label.target_size: fit_law(models[label])
            for label in results.curves
            if label.kind == kind and models[label].num_sizes() >= MIN_SIZES
        },
        fit_surface(grid.models) if grid.has_surface else None,
    )
    with tempfile.TemporaryDirectory() as drawn:
        png, _ = draw_sizes(curves, laws, quantity_of(results), table["unit"].iloc[0], Path(drawn) / "a")
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(png) as image:
            image.thumbnail((_WIDTH, _WIDTH))
            image.convert("RGB").save(folder / f"{case.study}_sizes.png", optimize=True)


if __name__ == "__main__":
    main()
