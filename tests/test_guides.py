"""Every block of code on a page runs in a test, or says why it cannot."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fences import read_fences

from gnn_sim2real.cli.main import main

ROOT = Path(__file__).parents[1]
RUN_ELSEWHERE = ("contributing", "notebooks", "tutorials")
"""Folders whose pages run as a whole: `test_contributing.py`, `test_notebooks.py`, `test_tutorials.py`."""

PAGES = [
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if not {*RUN_ELSEWHERE, "templates"} & {*page.relative_to(ROOT / "docs").parts}
    ),
]
LANES = {
    "README": [],
    "law": [],
    "studies": [],
    "starter": pytest.mark.slow,
    "explain": pytest.mark.slow,
    "disorder": pytest.mark.slow,
}
"""Lane of a page, of others before a release."""

FEWER = ["--axes.split", "[0]", "--axes.seed", "[0]", "--axes.source_size", "[0, all]", "--launcher", "serial"]
"""What a study of a page is given here: a corner of its grid."""


def is_marked(fence):
    return {"data-run", "data-not-run"} & fence.marks.keys()


def runs_here(fence):
    return not is_marked(fence) and fence.language in ("python", "console", "yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs_or_says_why_not(page):
    for fence in read_fences(page.read_text()):
        assert fence.language in ("python", "console", "yaml", "text"), "one word a language"
        assert len(is_marked(fence)) <= 1
        if place := fence.marks.get("data-run"):
            assert (ROOT / place).exists()
        if "data-not-run" in fence.marks:
            assert len(fence.marks["data-not-run"].split()) >= 2, "a reason"


def lanes():
    for page in PAGES:
        if any(map(runs_here, read_fences(page.read_text()))):
            yield pytest.param(page, id=page.stem, marks=LANES.get(page.stem, pytest.mark.release))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that pages name."""
    rows = pd.read_csv(ROOT / "configs/project/polymer/measured.csv")
    name = next(each for each in rows if each != "smiles")
    rows.to_excel(tmp_path / "my_polymers.xlsx", index=False)
    rows[["smiles"]].head(5).to_csv(tmp_path / "polymers.csv", index=False)
    densities = pd.DataFrame({"PSMILES": rows["smiles"], "Density [kg/m3]": 1000 * rows[name]})
    densities.to_csv(tmp_path / "densities.csv", index=False)
    densities[["PSMILES"]].head(4).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", list(lanes()))
def test_every_block_of_a_page_runs(page, folder, capfd):
    """In order; names in capitals are the models that the `fit` of the page have printed, one after the other."""
    trained, names, known = [], {}, {"__name__": page.stem}
    for fence in filter(runs_here, read_fences(page.read_text())):
        if fence.language == "python" and (name := fence.marks.get("title")):
            Path(name).write_text(fence.text)
        elif fence.language == "python":
            exec(compile(fence.text, page.name, "exec"), known)  # noqa: S102 (our own page)
        elif fence.language == "yaml":
            run_yaml(fence)
        for line in fence.text.replace("\\\n", " ").splitlines() if fence.language == "console" else ():
            words = shlex.split(line, comments=True)
            assert words[0] == "gnn-sim2real"
            words = [trained[names.setdefault(each, len(names))] if is_model(each) else each for each in words[1:]]
            assert main([*words, *(FEWER if words[:2] == ["study", "run"] else [])]) == 0, capfd.readouterr().err
            trained += re.findall(r"^trained model: (.+)$", capfd.readouterr().out, re.MULTILINE)
    if names:
        assert len(names) == len(trained)


def is_model(word):
    return word in ("SOURCE", "FIRST", "SECOND")


def run_yaml(fence):
    """Write a file that the page names; lay any other block over a training of the demo, which may refuse it."""
    if name := fence.marks.get("title"):
        Path(name).write_text(fence.text)
        return
    Path("overlay.yaml").write_text(fence.text)
    with pytest.raises(SystemExit) as ended:
        main(["fit", "-c", "configs/demo/polymer_pretrain.yaml", "-c", "overlay.yaml", "--print_config"])
    assert ended.value.code == 0


def test_the_study_shown_is_the_study_shipped():
    (shown,) = [
        yaml.safe_load(each.text)
        for each in read_fences((ROOT / "docs/studies.md").read_text())
        if each.language == "yaml"
    ]
    shipped = yaml.safe_load((ROOT / "configs/polymer/density/study.yaml").read_text())
    assert shown == {key: shipped[key] for key in shown}


def test_the_axes_shown_are_those_shipped():
    text = (ROOT / "docs/comparing.md").read_text()
    shipped = {}
    for name in ("widths", "pretrainings", "policies"):
        shipped |= yaml.safe_load((ROOT / f"configs/demo/{name}.yaml").read_text())["axes"]
    shown = {}
    for fence in read_fences(text):
        if fence.language == "yaml":
            shown |= yaml.safe_load(fence.text)
    assert shown == {name: shipped[name] for name in ("architecture", "pretraining", "policy")}
