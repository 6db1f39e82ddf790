"""What a release is made by: the workflow, the recipe for conda-forge, and the script of a newcomer."""

import json
import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA_NAMES = {
    "torch": "pytorch",
    "torch-geometric": "pytorch_geometric",
    "matplotlib": "matplotlib-base",
    "lazy-loader": "lazy_loader",
}


def test_the_conda_recipe_has_the_dependencies_of_the_package():
    recipe = yaml.safe_load((ROOT / "conda/recipe.yaml").read_text())
    project = PROJECT["project"]
    assert recipe["context"]["version"] == project["version"]
    wanted = set()
    for each in project["dependencies"]:
        name, bounds = re.fullmatch(r"([\w-]+)(?:\[[^\]]*\])?(.*)", each).groups()
        wanted.add(f"{CONDA_NAMES.get(name, name)} {bounds}".strip())
    found = {each for each in recipe["requirements"]["run"] if not each.startswith("python ")}
    assert found - wanted == {"docstring_parser", "typeshed-client"}
    assert wanted <= found
    assert f"python {project['requires-python']}" in recipe["requirements"]["run"]
    scripts = [f"{name} = {place}" for name, place in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts


def test_nothing_is_published_that_a_newcomer_could_not_use():
    content = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    jobs = content["jobs"]
    assert content[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` as true
    assert {*jobs["publish"]["needs"]} == {"build", "newcomer"}
    commands = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "twine check --strict" in commands["build"]
    assert "GITHUB_REF_NAME" in commands["build"]
    assert "tests/newcomer.sh" in commands["newcomer"]
    assert "tests/newcomer.sh" in (ROOT / ".ci/release").read_text()


def test_the_script_of_a_newcomer_is_a_script():
    script = ROOT / "tests/newcomer.sh"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_published_results_are_in_the_wheel():
    from gnn_sim2real.reproduce.catalog import STUDIES

    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    wanted = {f"benchmarks/results/{name}.json": f"gnn_sim2real/results/{name}.json" for name in STUDIES}
    assert {source: place for source, place in included.items() if source.startswith("benchmarks")} == wanted


def test_what_became_slower_is_noticed():
    check = runpy.run_path(str(ROOT / "benchmarks/check.py"))
    for each in check["CHECKS"]:
        committed = json.loads((ROOT / f"benchmarks/results/{each.script}.json").read_text())
        assert check["compare"](each, committed, committed) == []
        slower = json.loads(json.dumps(committed))
        for path in each.ratios:
            *outer, last = path
            inner = slower
            for name in outer:
                inner = inner[name]
            inner[last] *= 0.7 if each.better == "more" else 1.4
        assert len(check["compare"](each, slower, committed)) == len(each.ratios)
