"""The rooms of the package and who may import whom, read from the source."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gnn_sim2real", "datamodules")
MAX_LINES = 300

LEVELS = (
    (
        "errors",
        "units",
        "progress",
        "files",
        "logs",
        "options",
        "settings",
        "encoder_settings",
        "metrics",
        "baselines",
        "policies",
    ),
    (
        "scaling.forms",
        "scaling.least_squares",
        "scaling.table",
        "scaling.bootstrap",
        "scaling.choose",
        "scaling.drift",
        "scaling.law",
        "scaling.identify",
        "scaling.profile",
        "scaling.fit",
        "scaling.surface",
        "scaling.inversion",
        "scaling.effective_data",
        "scaling.planning",
        "scaling.compare",
        "scaling",
    ),
    ("graph", "tables"),
    ("replicates",),
    ("store", "mixture_store", "cleaning", "splits", "family_splits", "growth", "featurize", "nn", "databases"),
    (
        "loader",
        "library",
        "transfer",
        "graph_cache",
        "asked",
        "group_parts",
        "mixture_columns",
        "mixture_cleaning",
        "split_file",
        "grow_materials",
        "split_materials",
        "headings",
        "joined",
    ),
    ("uncertainty.calibration", "uncertainty.plot", "uncertainty.ensemble", "uncertainty"),
    ("datamodule",),
    ("crystal_datamodule", "mixture_datamodule", "snapshot_datamodule"),
    ("datasets", "tasks"),
    (
        "scaling.keys",
        "scaling.records",
        "scaling.results",
        "scaling.curves",
        "scaling.repeat_means",
        "scaling.plot",
        "scaling.law_figure",
        "scaling.say",
        "scaling.report",
        "scaling.callback",
        "library.training",
    ),
    ("lightning_cli",),
    ("study", "shotgun", "uncertainty.command", "scaling.learning_curves", "scaling.command", "data"),
    ("library.command",),
    ("cli",),
)
"""Modules of `gnn_sim2real` from the ground up: each imports from its own level and those before it."""

FORBIDDEN = {
    "gnn_sim2real": ("datamodules", "tests", "benchmarks"),
    "datamodules": ("tests", "benchmarks", "gnn_sim2real.study", "gnn_sim2real.tasks", "gnn_sim2real.cli", "lightning"),
    "gnn_sim2real.graph": ("lightning", "rdkit", "pandas"),
    "gnn_sim2real.store": ("lightning", "rdkit", "pandas", "torch_geometric", "gnn_sim2real.nn"),
    "gnn_sim2real.nn": ("lightning", "rdkit", "pandas", "gnn_sim2real.featurize", "gnn_sim2real.store"),
    "gnn_sim2real.featurize": ("lightning", "torch", "torch_geometric", "gnn_sim2real.nn", "gnn_sim2real.store"),
    "gnn_sim2real.splits": ("lightning", "torch", "pandas"),
    "gnn_sim2real.scaling.law": ("lightning", "torch", "pandas", "matplotlib"),
}
"""What a module, or all of a package, must not import, at the top or anywhere inside."""

HEAVY = ("torch", "torch_geometric", "lightning", "rdkit", "pymatgen", "wandb", "matplotlib", "sklearn", "pandas")


def find_modules():
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = find_modules()


def is_below(module, package):
    return module == package or module.startswith(f"{package}.")


def imports_of(path):
    """Full names of all that a file imports, wherever in the file; of `from a import b` both a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by a relative name"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_imports(module):
    return {name for name in imports_of(MODULES[module]) if name in MODULES} - {module}


def level_of(module):
    """Level of the entry that names a module best; the package itself is the ground."""
    name = module.removeprefix("gnn_sim2real").removeprefix(".")
    entries = [(len(entry), level) for level, names in enumerate(LEVELS) for entry in names if is_below(name, entry)]
    return max(entries)[1] if entries else -1


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down(module):
    if module == "gnn_sim2real" or is_below(module, "datamodules"):
        return
    assert level_of(module) >= 0, f"{module} has no place in LEVELS; give it one"
    upward = {name for name in own_imports(module) if level_of(name) > level_of(module)}
    assert not upward


def test_a_new_module_of_scaling_needs_a_level_of_its_own():
    named = {f"gnn_sim2real.{entry}" for names in LEVELS for entry in names}
    assert {module for module in MODULES if is_below(module, "gnn_sim2real.scaling")} <= named
    assert all(entry in MODULES for entry in named), "LEVELS names a module that is gone"


def test_no_circle():
    """Also within one level, and at any depth of a function."""
    done, path = set(), []

    def visit(module):
        assert module not in path, f"a circle of imports: {' -> '.join([*path, module])}"
        if module in done:
            return
        path.append(module)
        for name in own_imports(module):
            # A package's own __init__ gathers its modules; they may come from it by full name.
            if not is_below(module, name):
                visit(name)
        done.add(path.pop())

    for module in MODULES:
        visit(module)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_what_is_not_imported_where(package):
    assert any(is_below(module, package) for module in MODULES)
    found = {
        (module, name)
        for module, path in MODULES.items()
        if is_below(module, package)
        for name in imports_of(path)
        if any(is_below(name, forbidden) for forbidden in FORBIDDEN[package])
    }
    assert not found


def loaded_by(statement):
    """Names of the modules in memory after a statement in a fresh interpreter."""
    program = f"import sys\n{statement}\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["gnn_sim2real", "gnn_sim2real.cli", "gnn_sim2real.scaling", "gnn_sim2real.splits"])
def test_light_imports(module):
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert not loaded & {*HEAVY, "datamodules"}


def test_a_list_of_models_does_not_wait_for_torch():
    assert not loaded_by("import gnn_sim2real.library.command") & {"torch", "lightning", "rdkit", "datamodules"}


@pytest.mark.parametrize("module", ["gnn_sim2real.nn", "gnn_sim2real.store"])
def test_layers_and_graphs_need_no_lightning(module):
    assert not loaded_by(f"import {module}") & {"lightning", "rdkit", "wandb", "matplotlib", "sklearn", "datamodules"}


def test_the_library_does_not_load_its_data_modules():
    assert "datamodules" not in loaded_by("import gnn_sim2real.lightning_cli, gnn_sim2real.study.cells")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_size_of_a_file(module):
    num_lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert num_lines <= MAX_LINES


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_print_and_no_assert(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    asserts = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    prints = [node.lineno for node in calls if node.func.id == "print"]
    assert (asserts, prints) == ([], [])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_shapes_and_postponed_annotations_do_not_meet(module):
    """With postponed annotations the shapes would be text that nothing checks."""
    names = imports_of(MODULES[module])
    assert not {"__future__.annotations", "jaxtyping"} <= names


def test_the_wheel_holds_both_packages_and_nothing_else(tmp_path):
    pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed: no wheel can be built")
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert {name for name in names if name.endswith(".html")} == {"gnn_sim2real/study/page/page.html"}
    assert {name for name in names if name.endswith(".py")} == {str(p.relative_to(ROOT)) for p in MODULES.values()}


def test_what_the_distribution_promises():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
    assert project["project"]["entry-points"]["gnn_sim2real.datasets"] == {"datamodules": "datamodules"}
    assert all((ROOT / package / "py.typed").exists() for package in PACKAGES)
