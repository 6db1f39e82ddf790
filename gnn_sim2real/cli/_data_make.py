"""What `gnn-sim2real data make` does, and how recipes are shown."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gnn_sim2real.console import open_console
from gnn_sim2real.databases.make import Plan, make_table, plan_table
from gnn_sim2real.databases.recipe import TableRecipe, find_recipes
from gnn_sim2real.files import expand


def make(name: str, output: str | None, *, overwrite: bool) -> None:
    """Make the table of a recipe; what it is made of and its license are told before anything is downloaded.

    Args:
        name: Name of the table.
        output: Data folder.
        overwrite: Whether another table of that name is replaced.

    Raises:
        ValueError: If there is no such recipe.
    """
    console = open_console()

    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    recipes = find_recipes()
    if name not in recipes:
        raise ValueError(_explain_missing(name, recipes))
    plan = plan_table(recipes[name], recipes, expand(output) if output else None)
    for each in plan.recipes:
        for line in describe_recipe(each):
            show(line)
    if plan.recipes:
        show(_describe_cost(plan))
    path = make_table(plan, overwrite=overwrite, report=show)
    show(f"{name}: {plan.recipe.num_rows:,} rows, checked: {path}")
    if output:
        show(f"to use it: export GNN_SIM2REAL_DATA={Path(output).absolute()}")


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
        origin = sheets[name][0].origin
        if origin == "in the package":
            return f"{name} need not be made: it comes with the package, and `data list {name}` prints how it is read"
        return f"{name} cannot be made; it comes from: {origin}"
    return f"there is no recipe {name!r}; `data make` makes {', '.join(recipes)}"
