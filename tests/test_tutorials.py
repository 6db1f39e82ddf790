"""Every block of a tutorial runs, in order, in one folder."""

import json
import shlex
from pathlib import Path

import pytest
from fences import read_fences

from gnn_sim2real.cli.main import main

TUTORIALS = Path(__file__).parents[1] / "docs/tutorials"
FEW = {"study run": ["--axes.split", "[0]", "--launcher", "serial"]}
"""What the test adds: one test part of five."""


@pytest.mark.release
@pytest.mark.parametrize("name", [path.stem for path in sorted(TUTORIALS.glob("*.md"))])
def test_every_block_runs(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    text = (TUTORIALS / f"{name}.md").read_text()
    fences, ran = read_fences(text), []
    files = [(each.marks["title"], each.text) for each in fences if "title" in each.marks]
    for fence in fences:
        assert fence.language in ("python", "console") or "title" in fence.marks, "it would not run"
        if fence.language == "python":
            exec(compile(fence.text, f"{name}.md", "exec"), {})  # noqa: S102 (our own page)
        for line in fence.text.splitlines() if fence.language == "console" else ():
            command = shlex.split(line)
            if command[0] == "cd":
                monkeypatch.chdir(command[1])
                for path, content in files:
                    Path(path).write_text(content)
                continue
            assert command[0] == "gnn-sim2real"
            assert main([*command[1:], *FEW.get(" ".join(command[1:3]), [])]) == 0, capfd.readouterr().err
            ran.append(command[1])
    assert {"init", "data", "study"} <= set(ran)
    summary = json.loads(Path("runs/study/summary.json").read_text())
    assert summary["rows"]
    if "shotgun" in ran:
        assert Path("runs/shotgun/model/ensemble.json").exists()


def test_every_kind_of_material_has_a_tutorial():
    assert {path.stem for path in TUTORIALS.glob("*.md")} == {"polymers", "crystals", "pairs", "compositions"}
