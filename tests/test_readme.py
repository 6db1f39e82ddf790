"""What the README and the guides say is run or compared with what it was taken from."""

import json
import pydoc
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
# Entry-point groups look like modules.
GROUPS = {f"gnn_sim2real.{kind}" for kind in ("acquisitions", "datasets", "encoders", "forms", "policies", "splits")}


STUDIES = (ROOT / "docs/studies.md").read_text()


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_python_block_of_the_law_runs(capsys):
    (block,) = [block for block in blocks("python") if "fit_scaling_law" in block]
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 (our own README)
    assert "alpha" in capsys.readouterr().out


def test_every_configuration_that_a_page_names_is_there():
    pages = [TEXT, *(page.read_text() for page in (ROOT / "docs").rglob("*.md"))]
    named = re.findall(r"configs/[\w/]+\.yaml", "\n".join(pages).replace("configs:", "configs/"))
    assert len(named) > 4
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_picture_is_there():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    pictures = [
        page.parent / path for page in pages for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
    ]
    pictures = [path for path in pictures if "templates" not in path.parts]
    assert len(pictures) > 5
    assert [str(path) for path in pictures if not path.exists()] == []


def test_the_readme_is_one_screen():
    assert len(TEXT.splitlines()) <= 150


def test_every_file_and_class_that_a_page_names_is_there():
    pages = [ROOT / "README.md", ROOT / "benchmarks/README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    paths = set(re.findall(r"`((?:gnn_sim2real|datamodules|tests|benchmarks|configs|docs)/[\w./]+)`", text))
    names = set(re.findall(r"`((?:gnn_sim2real|datamodules)(?:\.\w+)+)`", text)) - GROUPS
    assert len(paths) > 10
    assert len(names) > 10
    stems = {str(path.relative_to(ROOT).with_suffix("")) for path in (ROOT / "benchmarks/results").iterdir()}
    assert [path for path in sorted(paths - stems) if not (ROOT / path).exists()] == []
    assert [name for name in sorted(names) if pydoc.locate(name) is None] == []


def test_the_study_shown_is_the_study_shipped():
    (shown,) = map(yaml.safe_load, blocks("yaml", STUDIES))
    shipped = yaml.safe_load((ROOT / "configs/polymer/density/study.yaml").read_text())
    assert shown == {key: shipped[key] for key in shown}


def test_the_numbers_of_the_first_command_are_those_of_its_result():
    result = json.loads((ROOT / "benchmarks/results/density_open_quick.json").read_text())
    mae = {(row["policy"], row["source_level"]): row["mae"]["mean"] for row in result["rows"]}
    wanted = [
        ("full", "30"),
        ("full", "all"),
        ("full", "0"),
        ("extra_trees", "0"),
        ("calibrated_source", "all"),
    ]
    (shown,) = re.findall(r"\*\*What it shows\.\*\*(.*?)\n\n", TEXT, re.DOTALL)
    assert re.findall(r"0\.\d{4}", shown) == [f"{mae[each]:.4f}" for each in wanted]
    (law,) = [law for law in result["laws"] if law["policy"] == "full"]
    assert not law["decay_rate_identified"]
    assert not law["transfer_gap_identified"]


def test_the_number_of_starter_models_is_that_of_the_library():
    result = json.loads((ROOT / "benchmarks/results/starter_library.json").read_text())
    assert f"one of the {result['models']} models that come with the package" in TEXT
