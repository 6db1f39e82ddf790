"""`gnn-sim2real data make`."""

from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.databases.make import Plan, make_table, plan_table
from gnn_sim2real.databases.recipe import TableRecipe, find_recipes
from gnn_sim2real.files import expand


def make_command(argv: list[str], console: Console) -> int:
    """Make the table of a recipe; what it is made of and its license are told before anything is downloaded.

    Args:
        argv: Arguments after `gnn-sim2real data make`.
        console: Where it is told.

    Returns:
        Exit code.

    Raises:
        ValueError: If there is no such recipe.
    """
    parser = ArgumentParser(prog="gnn-sim2real data make", description="Make a table from pinned public files.")
    parser.add_argument("name", help="a table that `data list` shows as one to be made")
    parser.add_argument("--output", help="data folder, in place of $GNN_SIM2REAL_DATA or the cache")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is another table")
    given = parse_options(parser, argv)

    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    recipes = find_recipes()
    if given.name not in recipes:
        raise ValueError(_explain_missing(given.name, recipes))
    plan = plan_table(recipes[given.name], recipes, expand(given.output) if given.output else None)
    for each in plan.recipes:
        for line in describe_recipe(each):
            show(line)
    if plan.recipes:
        show(_describe_cost(plan))
    path = make_table(plan, overwrite=given.overwrite, report=show)
    show(f"{given.name}: {plan.recipe.num_rows:,} rows, checked: {path}")
    if given.output:
        show(f"to use it: export GNN_SIM2REAL_DATA={Path(given.output).absolute()}")
    return 0


def describe_recipe(recipe: TableRecipe) -> list[str]:
    """What a table is, who made what it is made of, and under which licenses.

    Args:
        recipe: The recipe.
    """
    lines = [f"{recipe.name}: {recipe.num_rows:,} rows, {recipe.description}", f"license: {recipe.license}"]
    licenses: dict[tuple[str, str], int] = {}
    for file in recipe.raw.values():
        key = f"github.com/{file.repository} at {file.commit[:8]}", file.license or "no license stated"
        licenses[key] = licenses.get(key, 0) + 1
    lines += [
        f"from: {where}, {number} file{'s' if number > 1 else ''}: {words}"
        for (where, words), number in licenses.items()
    ]
    if recipe.package:
        lines.append(
            f"from: the installed package {recipe.package.name} {recipe.package.version}: {recipe.package.license}"
        )
    if any(not file.license for file in recipe.raw.values()):
        lines.append("files without a license come to this machine only: do not pass them or the table on")
    lines.append(f"cite: {recipe.citation}")
    return [*lines, f"note: {recipe.note}"] if recipe.note else lines


def print_recipe(name: str, console: Console) -> None:
    """Print what `data make` makes under a name, if there is a recipe.

    Args:
        name: Name of a table.
        console: Where to print.
    """
    if (recipe := find_recipes().get(name)) is None:
        return
    for line in [
        *describe_recipe(recipe),
        f"make it: gnn-sim2real data make {name}",
        f"file: {recipe.relative_path}",
        "",
    ]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_recipes(console: Console) -> None:
    """Print which tables can be made, with the size of the download, the time for building, and the license.

    Args:
        console: Where to print.
    """
    table = Table(
        Column("to be made", no_wrap=True), "rows", "download", "building", "license", box=None, pad_edge=False
    )
    table.header_style = "bold"
    for each in find_recipes().values():
        size = f"{each.size / 1e6:.1f} MB" if each.raw else f"package {each.package.name}" if each.package else "-"
        table.add_row(*map(escape, (each.name, f"{each.num_rows:,}", size, f"{each.seconds:.0f} s", each.license)))
    console.print("\ngnn-sim2real data make NAME", highlight=False)
    console.print(table)


def _describe_cost(plan: Plan) -> str:
    number = len(plan.missing)
    download = f"{number} file{'s' if number != 1 else ''}, {plan.size / 1e6:.1f} MB" if number else "nothing"
    return f"to be downloaded: {download}; building takes about {plan.seconds:.0f} s; into {plan.path}"


def _explain_missing(name: str, recipes: dict[str, TableRecipe]) -> str:
    from gnn_sim2real.data.registry import find_sheets

    if name in (sheets := find_sheets()):
        return f"{name} cannot be made; it comes from: {sheets[name][0].origin}"
    return f"there is no recipe {name!r}; `data make` makes {', '.join(recipes)}"
