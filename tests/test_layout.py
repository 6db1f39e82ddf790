"""The rooms of the package and which room may import which, read from the source."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from graphlib import TopologicalSorter

import pytest
from rooms import PACKAGES, PICTURE, ROOT, draw, find_arrows, find_levels, find_modules, read_imports

ARROWS = {
    "datamodules": "data store tables databases featurize errors units files plugins renamed",
    "cli": (
        "bench suggest tune explain estimator reproduce study shotgun config records tasks data uncertainty library "
        "foundation store tables databases law errors files console launchers scales"
    ),
    "tune": "config study records tasks data splits units scales files console figures shown launchers",
    "suggest": (
        "estimator shotgun ensemble records data library launchers splits store featurize law figures files metrics "
        "gaussian_process shown"
    ),
    "explain": (
        "estimator shotgun ensemble library store featurize page figures units files gaussian_process graph shown "
        "renamed"
    ),
    "estimator": (
        "study shotgun ensemble records tasks data library store tables featurize nn law errors units files "
        "console graph renamed"
    ),
    "bench": "reproduce study records tasks library nn law baselines units console",
    "reproduce": "config study tasks data databases records baselines errors files",
    "study": (
        "shotgun config records tasks data library foundation tables nn law page errors units files console metrics "
        "baselines renamed launchers scales linear"
    ),
    "shotgun": (
        "config records tasks data library splits store tables featurize nn foundation page errors units "
        "files console metrics linear baselines graph figures ensemble launchers shown scales renamed"
    ),
    "config": "records tasks data library nn units files console renamed scales",
    "records": (
        "tasks data library ensemble splits store tables featurize nn law units files console metrics baselines "
        "figures renamed scales"
    ),
    "tasks": (
        "data library store featurize nn errors linear units files console metrics baselines graph plugins renamed "
        "scales"
    ),
    "data": "library splits store tables databases featurize nn units console graph plugins scales renamed",
    "ensemble": "splits metrics gaussian_process console",
    "uncertainty": "ensemble library store featurize nn errors units files graph figures scales",
    "foundation": "store featurize files console plugins launchers",
    "library": "store tables featurize nn errors files console graph renamed",
    "splits": "tables featurize files console plugins",
    "store": "featurize errors files console graph",
    "tables": "featurize units files console shown scales renamed",
    "databases": "featurize errors files plugins",
    "featurize": "errors console files graph",
    "nn": "errors linear graph plugins renamed scales",
    "law": "units plugins shown",
    "baselines": "ensemble linear plugins gaussian_process",
    "figures": "files",
    "metrics": "scales",
    "launchers": "console",
    "page": "figures files",
}
"""Rooms (folders, and modules loose in the root), each with those that it imports; the others import none.

A new arrow is one more word here, if it points down. One that is no longer used is taken out.
"""

FORBIDDEN = {
    "gnn_sim2real": ("datamodules", "tests", "benchmarks"),
    "datamodules": ("tests", "benchmarks", "lightning"),
    "gnn_sim2real.graph": ("lightning", "rdkit", "pandas"),
    "gnn_sim2real.store.graphs": ("lightning", "rdkit", "pandas", "torch_geometric"),
    "gnn_sim2real.nn": ("lightning", "rdkit", "pandas"),
    "gnn_sim2real.featurize": ("lightning", "torch", "torch_geometric"),
    "gnn_sim2real.splits.random": ("lightning", "torch", "pandas"),
    "gnn_sim2real.law": ("lightning", "torch", "pandas", "matplotlib"),
    "gnn_sim2real.gaussian_process": ("lightning", "torch", "pandas"),
    "gnn_sim2real.ensemble": ("lightning", "torch", "pandas"),
}
"""What a module, or all of a package, must not import, at the top or anywhere inside."""

OWN_LAYERS = "ALIGNN AttentiveFP CGCNN DMPNN FingerprintMLP GATv2 GINE GPS MEGNet PaiNN Roost"
"""Encoders that are made without torch-geometric, which takes longer to import than torch itself."""

HEAVY = {"torch", "torch_geometric", "lightning", "rdkit", "pymatgen", "wandb", "matplotlib", "sklearn", "pandas"}


MODULES = find_modules()
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def is_below(module, package):
    return module == package or module.startswith(f"{package}.")


IMPORTS = {module: read_imports(tree) for module, tree in TREES.items()}


def test_a_room_imports_only_from_the_rooms_below_it():
    found = {room: rooms for room, rooms in find_arrows(IMPORTS).items() if rooms}
    allowed = {room: set(names.split()) for room, names in ARROWS.items()}
    assert found == allowed
    assert find_levels(allowed)  # a circle is an error


def test_the_picture_shows_the_rooms_of_today(tmp_path):
    draw(find_arrows(IMPORTS), tmp_path / "rooms.svg")
    assert (tmp_path / "rooms.svg").read_text() == PICTURE.read_text(), "run python docs/rooms.py"


def test_no_circle_of_modules():
    """Also within one room, and at any depth of a function."""
    graph = {
        # A package's own __init__ gathers its modules; they may come from it by full name.
        module: {name for name in names & MODULES.keys() - {module} if not is_below(module, name)}
        for module, names in IMPORTS.items()
    }
    TopologicalSorter(graph).prepare()


def test_what_is_not_imported_where():
    assert all(any(is_below(module, package) for module in MODULES) for package in FORBIDDEN)
    found = {
        (module, name)
        for package, forbidden in FORBIDDEN.items()
        for module, names in IMPORTS.items()
        if is_below(module, package)
        for name in names
        if any(is_below(name, each) for each in forbidden)
    }
    assert not found


def test_no_print_no_assert_and_shapes_that_are_checked():
    """With postponed annotations the shapes would be text that nothing checks."""
    wrong = [
        (module, node.lineno)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]
    assert not wrong
    assert not [module for module, names in IMPORTS.items() if {"__future__.annotations", "jaxtyping"} <= names]


def raised_by(function):
    """Names of what the own body of a function raises, without what it catches itself."""
    found, left = set(), [(statement, frozenset()) for statement in function.body]
    while left:
        node, caught = left.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            found |= set() if "Exception" in caught else {name} - caught
        tried = node.body if isinstance(node, ast.Try) else []
        handled = [each.type for each in node.handlers if each.type] if tried else []
        names = {each.id for kinds in handled for each in ast.walk(kinds) if isinstance(each, ast.Name)}
        for child in ast.iter_child_nodes(node):
            left.append((child, caught | names if child in tried else caught))
    return found - {"NotImplementedError"}


def public_functions(tree):
    """Every public function and method with its docstring; that of a class counts for its constructor as well."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and (each.name.startswith("__") or not each.name.startswith("_")):
                    of_class = node if each.name in ("__init__", "__post_init__") else each
                    text = f"{ast.get_docstring(each)}\n{ast.get_docstring(of_class)}"
                    yield f"{node.name}.{each.name}", each, text


def test_what_a_public_function_raises_is_in_its_docstring():
    """Classes of errors by name; where a function makes the error, that something is raised."""
    wrong = []
    for module, tree in TREES.items():
        for name, function, text in public_functions(tree):
            said = text.partition("Raises:\n")[2]
            raised = raised_by(function)
            if raised and (not said or any(each not in said for each in raised if each[0].isupper())):
                wrong.append((module, name, raised))
    assert not wrong


def test_figures_take_their_widths_from_one_file():
    style = {"linewidth", "elinewidth", "markersize", "capsize"}
    wrong = [
        (module, node.value.lineno)
        for module, tree in TREES.items()
        if module != "gnn_sim2real.figures"
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg in style
        and any(isinstance(each, ast.Constant) for each in ast.walk(node.value))
    ]
    assert not wrong


def loaded_by(statement):
    """Names of the modules in memory after a statement in a fresh interpreter."""
    program = f"import sys\n{statement}\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_what_is_light_stays_light():
    loaded = loaded_by(
        "import gnn_sim2real, gnn_sim2real.cli.main, gnn_sim2real.law, gnn_sim2real.splits.random, "
        "gnn_sim2real.tasks.policies"
    )
    assert not loaded & {*HEAVY, "datamodules"}
    # A list of models does not wait for torch.
    assert not loaded_by("import gnn_sim2real.cli.models") & {"torch", "lightning", "rdkit", "datamodules"}
    own = ", ".join(f"nn.{name}" for name in OWN_LAYERS.split())
    layers = loaded_by(f"import gnn_sim2real.store.graphs; from gnn_sim2real import nn; [each() for each in ({own})]")
    assert not layers & {*HEAVY - {"torch"}, "datamodules"}
    # torch-geometric takes longer to import than torch itself.
    assert not loaded_by("from gnn_sim2real import load_model") & {*HEAVY - {"torch", "rdkit"}, "datamodules"}


@pytest.mark.slow
def test_the_library_does_not_load_its_data_modules():
    assert "datamodules" not in loaded_by("import gnn_sim2real.config.lightning_cli, gnn_sim2real.study.cells")


@pytest.mark.slow
def test_data_modules_are_listed_without_pandas():
    # The help of `fit` names them all; their recipes, which do need it, are read by `data` alone.
    loaded = loaded_by("from gnn_sim2real.data.registry import find_datasets; find_datasets()")
    assert "datamodules.qm9" in loaded
    assert not {name for name in loaded if name == "pandas" or name.startswith("datamodules.recipes")}


def test_names_at_the_root_are_found_and_known_to_type_checkers():
    import gnn_sim2real

    assert all(getattr(gnn_sim2real, name) for name in gnn_sim2real.__all__)
    typed = {each.rpartition(".")[2] for each in IMPORTS["gnn_sim2real"] - MODULES.keys()}
    assert set(gnn_sim2real.__all__) <= typed


def test_every_room_says_what_it_is():
    for module in MODULES:
        assert ast.get_docstring(TREES[module]), f"{module} says nothing of itself"


def test_the_wheel_holds_both_packages_and_nothing_else(tmp_path):
    pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed: no wheel can be built")
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    configs = (path for path in (ROOT / "configs").rglob("*") if path.is_file())
    shipped = {f"gnn_sim2real/{path.relative_to(ROOT).as_posix()}" for path in configs}
    assert {name for name in names if name.startswith("gnn_sim2real/configs/")} == shipped
    tables = (ROOT / "datamodules/open_data").glob("*.parquet")
    assert {str(path.relative_to(ROOT)) for path in tables} | {"datamodules/open_data/NOTICE.md"} <= set(names)
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "gnn_sim2real").rglob("*.html")}
    assert {name for name in names if name.endswith(".html")} == pages >= {"gnn_sim2real/page/base.html"}
    assert {name for name in names if name.endswith(".py")} == {str(p.relative_to(ROOT)) for p in MODULES.values()}


def test_what_the_distribution_promises():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
    assert project["project"]["entry-points"]["gnn_sim2real.datasets"] == {"datamodules": "datamodules"}
    assert all((ROOT / package / "py.typed").exists() for package in PACKAGES)
