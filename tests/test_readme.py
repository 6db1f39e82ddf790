"""What README and pages name is there, and the numbers of the README are those of the results."""

import json
import math
import pydoc
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md", *(ROOT / "docs").rglob("*.md")]
GROUPS = {f"gnn_sim2real.{kind}" for kind in ("acquisitions", "datasets", "encoders", "forms", "policies", "splits")}
"""Entry-point groups look like modules."""


def test_the_readme_is_one_screen():
    assert len(TEXT.splitlines()) <= 150


def test_every_picture_and_configuration_that_a_page_names_is_there():
    pages = [page for page in PAGES if "templates" not in page.parts]
    found = [(page, path) for page in pages for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())]
    assert len(found) > 5
    assert [str(path) for page, path in found if not (page.parent / path).exists()] == []
    text = "\n".join(page.read_text() for page in pages).replace("configs:", "configs/")
    named = re.findall(r"configs/[\w/]+\.yaml", text)
    assert len(named) > 4
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_file_and_class_that_a_page_names_is_there():
    text = "\n".join(page.read_text() for page in PAGES)
    paths = set(re.findall(r"`((?:gnn_sim2real|datamodules|tests|benchmarks|configs|docs)/[\w./]+)`", text))
    names = set(re.findall(r"`((?:gnn_sim2real|datamodules)(?:\.\w+)+)`", text)) - GROUPS
    assert len(paths) > 10
    assert len(names) > 10
    stems = {str(path.relative_to(ROOT).with_suffix("")) for path in (ROOT / "benchmarks/results").iterdir()}
    assert [path for path in sorted(paths - stems) if not (ROOT / path).exists()] == []
    assert [name for name in sorted(names) if pydoc.locate(name) is None] == []


def geometric(cells, policy, level):
    errors = [cell["metrics"]["mae"] for cell in cells if (cell["policy"], cell["source_level"]) == (policy, level)]
    return math.exp(sum(map(math.log, errors)) / len(errors))


def test_the_numbers_of_the_first_study_are_those_of_its_result():
    """In the paragraph that names the file: geometric means, as its reader sees them in the report."""
    result = json.loads((ROOT / "benchmarks/results/density_open_quick.json").read_text())
    (shown,) = [part for part in TEXT.split("\n\n") if "density_open_quick.json" in part]
    cells = result["cells"]
    wanted = [("full", "30"), ("full", "all"), ("full", "0"), ("extra_trees", "0"), ("calibrated_source", "all")]
    assert re.findall(r"0\.\d{4}", shown) == [f"{geometric(cells, *each):.4f}" for each in wanted]
    (law,) = [law for law in result["laws"] if law["policy"] == "full"]
    assert not law["decay_rate_identified"]
    assert not law["transfer_gap_identified"]


def test_the_number_of_starter_models_is_that_of_the_library():
    result = json.loads((ROOT / "benchmarks/results/starter_library.json").read_text())
    assert re.findall(r"(\d+) (?:pretrained )?models", TEXT) == [str(result["models"])]
