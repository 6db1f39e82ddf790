"""Puts faults into a copy of the package, one at a time, and looks whether a test fails: what no test sees, survives.

    python tests/mutations.py                   # all faults; writes tests/mutations.json; exit status 1 on a survivor
    python tests/mutations.py --only removed    # those with the word in their name; their rows of the table alone
    python tests/mutations.py --list

Half of the faults are chosen by hand (`CHOSEN`): each breaks a promise, and names the tests that guard it. The others
are drawn by a seed from the operators, comparisons, constants and conditions of `MODULES`, and meet the tests nearest
to their module: those that import it, or import what imports it. The rank of a place in the draw is a hash of its text,
so that it neither depends on the rest of the package nor on where a module lies. A drawn fault that changes nothing
anyone could see is listed with the reason (`EQUIVALENT`), and the next in line takes its place.

All tests that have caught a fault are run on the unchanged copy in the end: there they must pass.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib.util
import json
import multiprocessing
import os
import queue
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutations_chosen import CHOSEN, EQUIVALENT, MODULES, Chosen

ROOT = Path(__file__).parents[1]
PACKAGES = ("gnn_sim2real", "datamodules")
TABLE = Path(__file__).with_suffix(".json")
SEED, NUM_DRAWN = 21, len(CHOSEN)
TIME_LIMIT = 90  # s of processor time for one test
MOST_FILES = 4  # of tests that are nearest to a module

_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}


@dataclass(frozen=True)
class Fault:
    """One change of one module.

    Attributes:
        name: As the table has it.
        module: Dotted.
        change: In words.
        source: The module's text with the fault.
        tests: What pytest is asked for, in order.
        drawn: Whether the seed has chosen it.
    """

    name: str
    module: str
    change: str
    source: str
    tests: list[str]
    drawn: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a fault; `caught_by` is None of a survivor."""

    caught_by: str | None
    seconds: float


def path_of(module: str) -> Path:
    """File of a module, below the root."""
    path = Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


# Drawing


@dataclass(frozen=True)
class Site:
    """A place that can be changed: `start` to `end` (bytes) of the module becomes `new`."""

    module: str
    name: str
    change: str
    start: int
    end: int
    new: str

    @property
    def rank(self) -> str:
        return hashlib.sha256(f"{SEED} {self.name}".encode()).hexdigest()

    def apply(self) -> str:
        content = (ROOT / path_of(self.module)).read_bytes()
        return (content[: self.start] + self.new.encode() + content[self.end :]).decode()


def changes_of(node: ast.AST) -> Iterator[ast.expr]:
    """What an expression may become."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS and not (is_text(left) or is_text(right)):
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
        case ast.Compare(left, [op], comparators):
            yield from (ast.Compare(left, [other()], comparators) for other in _COMPARISONS[type(op)])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Name(name) if name in _NAMES:
            yield ast.Name(_NAMES[name])
        case ast.Attribute(value, name) if name in _NAMES:
            yield ast.Attribute(value, _NAMES[name])
        case ast.Constant(bool() | int() | float() as value):
            yield ast.Constant(other_number(value))


def other_number(value: float) -> float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 2 * value or 1.0


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def changes_in(
    node: ast.AST, function: str = "", is_function: bool = False
) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """Expressions in functions with the function's name and what they may become; messages and types are left alone."""
    match node:
        case ast.FunctionDef(name) | ast.ClassDef(name):
            function = f"{function}.{name}".strip(".")
            is_function = isinstance(node, ast.FunctionDef)
            children = node.body
        case ast.Raise() | ast.JoinedStr() | ast.Call(ast.Attribute(ast.Name("logger"))):
            return
        case ast.AnnAssign(value=value):
            children = [] if value is None else [value]
        case _:
            children = list(ast.iter_child_nodes(node))
    if is_function and isinstance(node, ast.expr):
        yield from ((function, node, changed) for changed in changes_of(node))
    if is_function and isinstance(node, ast.If) and not list(changes_of(node.test)):
        yield function, node.test, ast.UnaryOp(ast.Not(), node.test)
    for child in children:
        yield from changes_in(child, function, is_function)


def sites_of(module: str) -> Iterator[Site]:
    """All places of a module."""
    text = (ROOT / path_of(module)).read_text()
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    met: dict[str, int] = {}
    for function, node, changed in changes_in(ast.parse(text)):
        change = f"{ast.unparse(node)} -> {ast.unparse(changed)}"
        name = f"{function}: {change} in {text.splitlines()[node.lineno - 1].strip()}"
        met[name] = met.get(name, 0) + 1
        number = f" ({met[name]})" if met[name] > 1 else ""
        start, end = (starts[line - 1] + column for line, column in ends_of(node))
        yield Site(module, name + number, change, start, end, f"({ast.unparse(changed)})")


def ends_of(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)


def draw() -> list[Site]:
    """The first places in line that are no equivalents.

    Raises:
        ValueError: If one of `MODULES` is not there, or an equivalent is none of the places any more.
    """
    modules = {module for name in MODULES for module in modules_within(name)}
    sites = sorted((site for module in sorted(modules) for site in sites_of(module)), key=lambda site: site.rank)
    gone = EQUIVALENT.keys() - {site.name for site in sites}
    if gone:
        raise ValueError(f"no longer a place of the modules, so no equivalent: {sorted(gone)}")
    return [site for site in sites if site.name not in EQUIVALENT][:NUM_DRAWN]


def modules_within(name: str) -> list[str]:
    """A module, or a folder with all modules in it.

    Raises:
        ValueError: If there is none.
    """
    found = [module for module in modules_of_package() if f"{module}.".startswith(f"{name}.")]
    if not found:
        raise ValueError(f"there is no module {name}")
    return found


# Tests


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Our own modules that a file imports; of `from package import name` both: the name may be a module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return frozenset(name for name in found if name.partition(".")[0] in PACKAGES)


@cache
def test_files() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "tests").rglob("test_*.py")))


def nearest_tests(module: str) -> list[str]:
    """Files of tests of a module's room, and those that import it, or what imports it.

    Those named as it is, or as its folder within the room, come first, then those of its room, then those that import
    least.

    Raises:
        ValueError: If there are none.
    """
    _, *rooms, stem = module.split(".")
    names = {f"test_{name}" for name in (*rooms[1:], stem)}
    importers = {name for name, path in modules_of_package().items() if module in imports_of(path)}
    near = [path for path in test_files() if path.parent.name in rooms or imports_of(path) & {module, *importers}]

    def distance(path: Path) -> tuple[bool, bool, bool, int]:
        return (
            path.stem not in names,
            path.parent.name not in rooms,
            module not in imports_of(path),
            len(imports_of(path)),
        )

    if not near:
        raise ValueError(f"no test imports {module}, nor what imports it")
    return [str(path.relative_to(ROOT)) for path in sorted(near, key=distance)[:MOST_FILES]]


@cache
def modules_of_package() -> dict[str, Path]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    dotted = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return dict(zip(dotted, paths, strict=True))


@cache
def places_of_tests() -> dict[str, list[str]]:
    """What pytest is asked for by the name of a test."""
    found: dict[str, list[str]] = {}
    for path in test_files():
        for node in ast.parse(path.read_text()).body:
            inner = [(node, "")] if isinstance(node, ast.FunctionDef) else []
            if isinstance(node, ast.ClassDef):
                inner = [(each, f"{node.name}::") for each in node.body if isinstance(each, ast.FunctionDef)]
            for function, prefix in inner:
                found.setdefault(function.name, []).append(f"{path.relative_to(ROOT)}::{prefix}{function.name}")
    return found


# Faults


def chosen_fault(chosen: Chosen) -> Fault:
    """A fault chosen by hand.

    Raises:
        ValueError: If its text stands not exactly once in its module, or a test is not there exactly once, or what it
            makes of the module is not Python, which any test would notice.
    """
    path = ROOT / path_of(chosen.module)
    text = path.read_text() if path.exists() else ""
    if text.count(chosen.old) != 1:
        raise ValueError(f"{chosen.name}: {chosen.old!r} stands {text.count(chosen.old)} times in {chosen.module}")
    tests = []
    for name in chosen.tests:
        places = places_of_tests().get(name, [])
        if len(places) != 1:
            raise ValueError(f"{chosen.name}: there are {len(places)} tests of the name {name}")
        tests += places
    change, source = f"{chosen.old} -> {chosen.new}", text.replace(chosen.old, chosen.new)
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"{chosen.name}: {chosen.module} would not be Python: {error}") from None
    return Fault(chosen.name, chosen.module, change, source, tests, drawn=False)


def all_faults() -> list[Fault]:
    """Those chosen and those drawn.

    Raises:
        ValueError: If some chosen ones do not fit the package of today; all of them are named.
    """
    chosen, misfits = [], []
    for each in CHOSEN:
        try:
            chosen.append(chosen_fault(each))
        except ValueError as error:
            misfits.append(str(error))
    if misfits:
        raise ValueError("\n".join(misfits))
    drawn = [
        Fault(each.name, each.module, each.change, each.apply(), nearest_tests(each.module), drawn=True)
        for each in draw()
    ]
    return chosen + drawn


# Running


def run_tests(folder: Path, tests: list[str], processes: int = 0) -> tuple[str | None, float]:
    """Run tests in a copy; returns the first that failed, and the seconds that it took.

    Raises:
        RuntimeError: If pytest came to no result, so that it is not known whether a test would fail.
    """
    started, log = time.monotonic(), folder.with_suffix(".log")
    process = FORKS.Process(target=run_pytest, args=(folder, log, processes, tests))
    process.start()
    process.join()
    seconds, output = round(time.monotonic() - started, 1), log.read_text()
    if process.exitcode == 0:
        return None, seconds
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?)(?:\[| |$)", output, re.MULTILINE)
    if failed is None and "while loading conftest" in output:
        return "no test could be run", seconds
    if failed is None:
        raise RuntimeError(f"pytest ended with {process.exitcode} and named no test:\n{output[-3000:]}")
    return failed[1], seconds


FORKS = multiprocessing.get_context("forkserver")
"""Processes that have the heavy libraries from the start, which is half of the time of a run of few tests."""
FORKS.set_forkserver_preload(["torch", "torch_geometric", "lightning.pytorch", "rdkit.Chem", "pymatgen.core", "pytest"])


def run_pytest(folder: Path, log: Path, processes: int, tests: list[str]) -> None:
    """Run tests in this process, of a copy of the package, which the process has not imported yet."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    os.environ.pop("GNN_SIM2REAL_DATA", None)  # the real data take too long
    sys.path.insert(0, str(folder))
    import pytest

    options = ["-n", str(processes), "-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    options.append(f"--basetemp={folder.with_suffix('.tmp')}")  # the usual place is shared with other runs
    sys.exit(pytest.main([*options, *tests], plugins=[EveryTestEnds()]))


class Endless(BaseException):
    """A test went on and on; no `Exception`, which Hypothesis would try again."""


class EveryTestEnds:
    """A plugin for pytest: a test that takes too much processor time fails, since a fault may make a loop endless."""

    def __init__(self) -> None:
        signal.signal(signal.SIGXCPU, self._stop)

    def _stop(self, *_: object) -> None:
        self.pytest_runtest_logstart()  # or the signal would come again a second later, in the report
        raise Endless

    def pytest_runtest_logstart(self) -> None:
        """Give each test its time, fixtures included."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(spent.ru_utime + spent.ru_stime) + TIME_LIMIT
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


@contextlib.contextmanager
def copies(number: int) -> Iterator["queue.Queue[Path]"]:
    """Copies of the working tree."""
    with tempfile.TemporaryDirectory(prefix="mutations_") as folder:
        free: queue.Queue[Path] = queue.Queue()
        for each in range(number):
            copy = Path(folder) / str(each)
            left_out = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", ".*_cache", ".hypothesis")
            shutil.copytree(ROOT, copy, ignore=left_out)
            free.put(copy)
        yield free


def write_module(folder: Path, module: str, text: str) -> None:
    path = folder / path_of(module)
    path.write_text(text)
    # Its time and size may be those of the text before, for which Python would take the compiled one.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def try_fault(fault: Fault, free: "queue.Queue[Path]") -> Outcome:
    """Put a fault into a free copy, run its tests, and take it out again; without a result it counts as survived."""
    folder = free.get()
    try:
        write_module(folder, fault.module, fault.source)
        outcome = Outcome(*run_tests(folder, fault.tests))
    except RuntimeError as error:
        say(str(error))
        outcome = Outcome(None, 0.0)
    finally:
        write_module(folder, fault.module, (ROOT / path_of(fault.module)).read_text())
        free.put(folder)
    found = f"SURVIVED {', '.join(fault.tests)}" if outcome.caught_by is None else f"caught by {outcome.caught_by}"
    say(f"{fault.module}: {fault.name}: {found} ({outcome.seconds:.0f} s)")
    return outcome


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_table(faults: list[Fault], outcomes: dict[str, Outcome]) -> None:
    """Write what is known of all faults; those that were not tried now keep what they had."""
    known = {row["name"]: row for row in json.loads(TABLE.read_text())["faults"]} if TABLE.exists() else {}
    rows = []
    for fault in faults:
        row = {"name": fault.name, "module": fault.module, "change": fault.change, "drawn": fault.drawn}
        if fault.name in outcomes:
            outcome = outcomes[fault.name]
            rows.append(row | {"caught_by": outcome.caught_by, "seconds": outcome.seconds})
        elif fault.name in known:
            old = known[fault.name]
            rows.append(row | {"caught_by": old["caught_by"], "seconds": old["seconds"]})
    content = {"seed": SEED, "faults": rows, "equivalent": EQUIVALENT}
    TABLE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Run what the words of the command line ask for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Put faults into a copy of the package: does a test see each?")
    parser.add_argument("--only", action="append", metavar="NAME", help="faults with this in their name; repeatable")
    parser.add_argument("--list", action="store_true", help="say which faults there are, and run nothing")
    parser.add_argument("--workers", type=int, default=2, help="how many faults at a time")
    options = parser.parse_args()
    faults = all_faults()
    asked = [each for each in faults if not options.only or any(word in each.name for word in options.only)]
    if options.list:
        for fault in asked:
            say(f"{'drawn ' if fault.drawn else 'chosen'} {fault.module}: {fault.name}: {' '.join(fault.tests)}")
        return 0
    with copies(options.workers) as free, ThreadPoolExecutor(options.workers) as pool:
        outcomes: dict[str, Outcome] = {}
        trials = {pool.submit(try_fault, fault, free): fault for fault in asked}
        for trial in as_completed(trials):
            outcomes[trials[trial].name] = trial.result()
            write_table(faults, outcomes)
        catchers = sorted({each.caught_by for each in outcomes.values() if "::" in (each.caught_by or "")})
        broken, _ = run_tests(free.get(), catchers, options.workers) if catchers else (None, 0.0)
    survivors = [name for name, outcome in outcomes.items() if outcome.caught_by is None]
    say(f"{len(asked)} faults, {len(survivors)} survived{''.join(f'{chr(10)}  {name}' for name in survivors)}")
    if broken is not None:
        say(f"{broken} fails without any fault: what it caught does not count")
    return 1 if survivors or broken is not None else 0


if __name__ == "__main__":
    raise SystemExit(main())
