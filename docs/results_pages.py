"""Writes the pages of results from the published files, by their templates: `python docs/results_pages.py`.

The table of cases in the README and the example of a plan on the page of the law are written as well.

A template is Markdown with expressions of Jinja: `templates/NAME.md` becomes `results/NAME.md`. Every number in one is
computed here from `benchmarks/results`; a sentence that the numbers have to bear out stands behind a
`{{ holds(CONDITION) }}`, which refuses to write the page once they do not.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import baselines_page
import jinja2
import pandas as pd

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.cli.main import main as command
from gnn_sim2real.records.curves import estimate
from gnn_sim2real.renamed import current_policy

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = Path(__file__).with_name("results")
TEMPLATES = PAGES / "templates"
LAW = Path(__file__).with_name("law.md")
README, TABLE = ROOT / "README.md", "<!-- docs/results_pages.py -->\n"
WRITTEN = "<!-- Written by docs/results_pages.py from templates/{name}; change that. -->\n\n"


class Study:
    """A published study: its test errors, gains and laws by today's names of policies.

    Args:
        name: Name of the file in `benchmarks/results`, without ending.
        architecture: That of the rows which name none.
    """

    def __init__(self, name: str, architecture: str = "") -> None:
        self.result = load(name)
        self.architecture = architecture
        self.data = self.result.get("data")

    def row(self, policy: str, level: str, size: int, architecture: str | None = None, **more: Any) -> dict[str, Any]:
        """The row of a model.

        Args:
            policy: Fine-tuning policy or baseline.
            level: Source size as the study names it; "0" is from scratch, "all" the whole source.
            size: Number of measured materials, m.
            architecture: Encoder; unless given that of the study, and of a baseline of tables none.
            more: Further columns.
        """
        names = [architecture] if architecture is not None else [self.architecture, ""]
        wanted = {"source_level": level, "target_size": size} | more
        for name in names:
            found = [
                row
                for row in self.result["rows"]
                if (row["architecture"], current_policy(row["policy"])) == (name, policy)
                and wanted.items() <= row.items()
            ]
            if found:
                (row,) = found
                return row
        raise LookupError(f"no row of {policy}, n = {level}, m = {size}, {names}")

    def error(self, policy: str, level: str, size: int, architecture: str | None = None, metric: str = "mae") -> float:
        """Mean test error of a model, see `row`."""
        return float(self.row(policy, level, size, architecture)[metric]["mean"])

    def errors(self, policy: str, levels: Sequence[str], size: int, architecture: str | None = None) -> list[float]:
        """Mean test errors of a model, source size by source size."""
        return [self.error(policy, level, size, architecture) for level in levels]

    def has(self, policy: str, level: str, size: int, architecture: str | None = None) -> bool:
        """Whether the study has a row, see `row`."""
        with contextlib.suppress(LookupError):
            return bool(self.row(policy, level, size, architecture))
        return False

    def at(self, size: int, growth: str = "random") -> float:
        """Mean test error of the only model that the study has at a source size."""
        (row,) = [
            row for row in self.result["rows"] if (row["source_size"], row.get("growth", "random")) == (size, growth)
        ]
        return float(row["mae"]["mean"])

    def mean_of_seeds(self, policy: str, level: str, size: int, seeds: Sequence[int]) -> float:
        """Mean test error over some seeds."""
        wanted = (self.architecture, policy, level, size)
        return mean(
            cell["metrics"]["mae"]
            for cell in self.result["cells"]
            if (cell["architecture"], current_policy(cell["policy"]), cell["source_level"], cell["target_size"])
            == wanted
            and cell["seed"] in seeds
        )

    def gain(
        self,
        policy: str,
        size: int,
        over: tuple[str, str],
        architecture: str | None = None,
        level: str = "all",
        over_architecture: str | None = None,
    ) -> dict[str, float]:
        """Paired gain of a model over another: `mean`, `low` and `high` of its 90 % interval.

        Args:
            policy: Its policy.
            size: m.
            over: Policy and source level of the other.
            architecture: As in `row`.
            level: Its source level.
            over_architecture: As in `row`, of the other.
        """
        own = self.architecture if architecture is None else architecture
        others = [self.architecture, ""] if over_architecture is None else [over_architecture]
        (found,) = [
            each["gain"]
            for each in self.result["gains"]
            if (each["architecture"], current_policy(each["policy"]), each["target_size"], each["source_level"])
            == (own, policy, size, level)
            and (current_policy(each["over"]["policy"]), each["over"]["source_level"]) == over
            and each["over"]["architecture"] in others
        ]
        return dict(found)

    def paired(
        self, better: tuple[str, str], other: tuple[str, str], size: int, metric: str = "mae"
    ) -> dict[str, float]:
        """How much lower the error of one model is than that of another, also of two baselines; paired as in `gain`.

        Args:
            better: Its policy and source level.
            other: Those of the other.
            size: m.
            metric: Error, or a score of which more is better, whose difference is then negative.

        Raises:
            ValueError: If they were not tested on the same materials.
        """
        first, second = (self._by_repeat(*each, size) for each in (better, other))
        shared = sorted(first.keys() & second.keys())
        if any(first[each]["num_test"] != second[each]["num_test"] for each in shared):
            raise ValueError(f"{better} and {other} answer for different test materials")
        differences = {each: second[each][metric] - first[each][metric] for each in shared}
        found = estimate(pd.Series(differences).rename_axis(["split", "seed"]))
        return {"mean": found.mean, "low": found.low, "high": found.high}

    def _by_repeat(self, policy: str, level: str, size: int) -> dict[tuple[int, int], dict[str, float]]:
        """Metrics of the cells of a model, by split and seed."""
        return {
            (cell["split"], cell["seed"]): cell["metrics"]
            for cell in self.result["cells"]
            if (current_policy(cell["policy"]), cell["source_level"]) == (policy, level)
            and cell["architecture"] in (self.architecture, "")
            and (cell["target_size"] == size or policy == "simulated_value")
        }

    def law(self, policy: str, size: int, architecture: str | None = None) -> dict[str, Any]:
        """The law of a curve."""
        (law,) = self.laws(policy, architecture, size)
        return law

    def laws(self, policy: str, architecture: str | None = None, size: int | None = None) -> list[dict[str, Any]]:
        """The laws of a policy, by target size."""
        name = self.architecture if architecture is None else architecture
        found = [
            law
            for law in self.result["laws"]
            if (law["architecture"], current_policy(law["policy"])) == (name, policy)
            and size in (None, law["target_size"])
        ]
        return sorted(found, key=lambda law: law["target_size"])


@cache
def load(name: str) -> Any:
    """A result, by the name of its file without ending."""
    return json.loads((RESULTS / f"{name}.json").read_text())


@cache
def compare(*names: str, target_size: int | None = None) -> Any:
    """What `law compare` says of published curves."""
    files = [str(RESULTS / f"{name}.json") for name in names]
    size = [] if target_size is None else ["--target-size", str(target_size)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = command(["law", "compare", *files, *size, "--json"])
    if code:
        raise SystemExit(f"law compare ended with exit code {code}")
    return json.loads(printed.getvalue())


def published(name: str) -> bool:
    """Whether a result is there; a study that is still being computed has none.

    Args:
        name: Of its file without ending.
    """
    return (RESULTS / f"{name}.json").exists()


def holds(condition: bool) -> str:
    """Nothing, if what a sentence says is so.

    Raises:
        ValueError: If it is not.
    """
    if not condition:
        raise ValueError("what the text says is not what was measured")
    return ""


def digits(value: float, decimals: int) -> str:
    """A number with so many decimals."""
    return f"{value:,.{decimals}f}"


def figures(value: float, number: int = 3) -> str:
    """A number with so many significant digits."""
    return f"{value:.{number}g}"


def percent(share: float, decimals: int = 0) -> str:
    """A share in percent."""
    return f"{100 * share:.{decimals}f} %"


def interval(found: Mapping[str, Any], decimals: int) -> str:
    """A mean with its interval, as `0.020 [0.018, 0.022]`."""
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(found["mean"], found["low"], found["high"], d=decimals)


def parameter(law: Mapping[str, Any], name: str, number: int = 3) -> str:
    """A parameter of a law with its interval."""
    low, high = law[f"{name}_interval"]
    return f"{law[name]:.{number}g} [{low:.{number}g}, {high:.{number}g}]"


def listed(words: Sequence[str]) -> str:
    """Words as `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def falls(values: Iterable[float]) -> bool:
    """Whether each value is below the one before."""
    return all(later < earlier for earlier, later in pairwise(values))


OVERVIEW = (
    ("RadonPy to polymer density, open data [g/cm³]", "density_open_quick", "GINE", ("full", "all"), 25, 4, ""),
    ("RadonPy to polymer density [g/cm³]", "polymer_density", "GINE", ("full", "all"), 100, 4, "polymer_density"),
    ("DFT to band gap of crystals [eV]", "band_gap", "CGCNN", ("l2_sp", "all"), 100, 3, "crystals"),
    ("DFT to band gap of crystals [eV]", "band_gap", "CGCNN", ("delta", "all"), 2706, 3, "crystals"),
    ("DFT to formation enthalpy [eV/atom]", "formation_enthalpy", "CGCNN", ("l2_sp", "all"), 100, 3, "crystals"),
    (
        "COSMO-RS to solvation energy [kcal/mol]",
        "solvation",
        "Pair(GINE)",
        ("full", "200000"),
        100,
        2,
        "solvation",
    ),
    ("COSMO-RS to chi of new polymers", "chi", "Pair(GINE)", ("delta", "600"), 50, 3, "chi"),
    ("COSMO-RS to chi of new pairs", "chi_pairs", "Pair(GINE)", ("full", "600"), 50, 3, "chi"),
)
"""Cases of the table in the README: its words, study, encoder, policy and source, m, decimals, and the page on it."""


def overview(folder: str, cases: Sequence[tuple[Any, ...]] = ()) -> str:
    """The table of cases, unless given of all, with links to pages in a folder."""
    lines = ["| case | m | n | from scratch | fine-tuned | best simple method |", "|---|---|---|---|---|---|"]
    for words, name, encoder, tuned, size, decimals, page in cases or OVERVIEW:
        found = Study(name, encoder)
        row = found.row(*tuned, size)
        error, best = best_baseline(found, name, row)
        numbers = [digits(each, decimals) for each in (found.error("full", "0", size), row["mae"]["mean"], error)]
        least = min(numbers)
        shown = [f"**{each}**" if each == least else each for each in numbers]
        case = f"[{words}]({folder}{page}.md)" if page else words
        lines.append(f"| {case} | {size:,} | {row['source_size']:,} | {' | '.join(shown)}, {best} |")
    return "\n".join(lines) + "\n"


def best_baseline(found: Study, name: str, network: Mapping[str, Any]) -> tuple[float, str]:
    """Error and title of the best baseline on all test materials of a network, by its test error.

    One that was computed on fewer draws counts where the test part is always the same.
    """
    size, same = network["target_size"], ("num_test", "target_size")
    own = [
        (row["mae"]["mean"], BASELINES[current_policy(row["policy"])].title)
        for row in found.result["rows"]
        if row["policy"] in BASELINES and all(row[each] == network[each] for each in same)
    ]
    title = baselines_page.STUDIES.get(name)
    computed = [
        (line["error"], BASELINES[line["baseline"]].title)
        for line in (compare_baselines() if title else [])
        if (line["title"], line["size"]) == (title, size)
        and (network["num_splits"] == 1 or line["draws"] == network["mae"]["num_repeats"])
    ]
    return min(own + computed)


compare_baselines = cache(baselines_page.compare)


def readme() -> str:
    """The README with its table of cases as it has to be; the case without a page is told in its text."""
    text = README.read_text()
    start, end = text.index(TABLE) + len(TABLE), text.index("\n\n", text.index(TABLE))
    return text[:start] + overview("docs/results/", [each for each in OVERVIEW if each[-1]]).rstrip() + text[end:]


def law_page() -> str:
    """The page of the law with what its example of a plan prints."""
    text = LAW.read_text()
    (shown,) = re.findall(r"```console[^\n]*\n(gnn-sim2real law plan .*?)```", text, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.chdir(ROOT):
        command(shown.replace("\\\n", " ").split()[1:])
    start = text.index("```text\n", text.index(shown)) + len("```text\n")
    return text[:start] + printed.getvalue().strip() + text[text.index("\n```", start) :]


def environment() -> jinja2.Environment:
    """What a template can use."""
    made = jinja2.Environment(  # noqa: S701 (Markdown of our own)
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"digits": digits, "figures": figures, "percent": percent, "interval": interval}
    made.filters |= {"parameter": parameter, "listed": listed, "mean": mean, "falls": falls}
    made.tests["in_study"] = lambda study, name: study.startswith(name)
    made.globals |= {"overview": overview("")}
    made.globals |= {"study": Study, "load": load, "compare": compare, "holds": holds, "published": published}
    return made


def pages() -> dict[Path, str]:
    """The text of each page."""
    templates = environment()
    return {
        PAGES / path.name: WRITTEN.format(name=path.name) + templates.get_template(path.name).render()
        for path in sorted(TEMPLATES.glob("*.md"))
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
    README.write_text(readme())
    LAW.write_text(law_page())
