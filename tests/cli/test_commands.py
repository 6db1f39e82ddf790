"""Every command: found by its file, explained within 80 columns, without the import of anything heavy."""

import inspect
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gnn_sim2real.cli.main import find_commands, load_command, main
from gnn_sim2real.config.command import Command, make_parser
from gnn_sim2real.shotgun.run import ENSEMBLE_FOLDER

STAGES = ("fit", "validate", "test")
"""Commands whose help LightningCLI prints."""
HEAVY = {"torch", "lightning", "rdkit", "pandas", "scipy", "matplotlib", "pymatgen", "datamodules"}


def functions():
    """Words of each command with its function."""
    for name in find_commands():
        run = None if name in STAGES else load_command(name).run
        if run is not None:
            yield from {(name, key): each for key, each in ({"": run} if callable(run) else run).items()}.items()


FUNCTIONS = dict(functions())
GROUPS = [(name,) for name in find_commands() if name not in STAGES]
HELPS = [*GROUPS, *(words for words in FUNCTIONS if words[1])]


def told(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_a_help_fits_into_80_columns(words, capsys, monkeypatch):
    text = told(words, capsys, monkeypatch)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text.startswith(f"usage: gnn-sim2real {' '.join(words)}")
    assert "==SUPPRESS==" not in text
    assert "<class" not in text


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["shotgun"], "shotgun (TABLE | -c FILE) [options]"),
        (["predict"], "predict MODEL [MODEL ...] FILE [options]"),
        (["law", "compare"], "law compare CURVES [MORE ...] [options]"),
        (["data", "features"], "data features NAME --foundation FOUNDATION [options]"),
    ],
)
def test_a_usage_says_how_the_words_stand_together(words, usage, capsys, monkeypatch):
    assert told(words, capsys, monkeypatch).splitlines()[0] == f"usage: gnn-sim2real {usage}"


def test_examples_name_the_folder_of_an_ensemble_as_it_is_written():
    found = [line for name in find_commands() if name not in STAGES for line in load_command(name).examples]
    folders = {word for line in found for word in line.split() if word.startswith("runs/shotgun/")}
    assert folders == {f"runs/shotgun/{ENSEMBLE_FOLDER}"}


@pytest.mark.parametrize("words", FUNCTIONS, ids=" ".join)
def test_every_option_has_a_help(words):
    parser = make_parser(FUNCTIONS[words], "x")
    load_command(words[0]).settings.get(words[1], lambda _: None)(parser)
    assert [each.dest for each in parser._actions if not (each.help or "").strip()] == []
    assert inspect.getdoc(FUNCTIONS[words])


@pytest.mark.parametrize("name", [name for name in find_commands() if name not in STAGES])
def test_examples_name_options_that_are_there(name, capsys, monkeypatch):
    command = load_command(name)
    for line in command.examples:
        assert line.startswith(f"{name} ")
        key = line.split()[1] if (name, line.split()[1]) in FUNCTIONS else ""
        text = told([name, key] if key else [name], capsys, monkeypatch)
        for option in re.findall(r" (-[\w.-]+)", line):
            assert re.search(rf"(?<![\w-]){re.escape(option)}\b", text) or name == "reproduce", option


def test_helps_import_nothing_heavy():
    program = "import contextlib, io, sys\nfrom gnn_sim2real.cli.main import main\n"
    program += f"for words in {[['--help'], *map(list, HELPS)]!r}:\n"
    program += "    with contextlib.redirect_stdout(io.StringIO()): main([*words, '--help'])\n"
    program += "sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {*done.stdout.split()} & HEAVY


def test_the_first_help_does_not_wait_for_the_parser():
    program = "import sys\nfrom gnn_sim2real.cli.main import main\nmain(['--help'])\n"
    program += "raise SystemExit(bool({'jsonargparse', 'numpy', 'yaml'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=False).returncode == 0


@dataclass(frozen=True, kw_only=True)
class Colour:
    """The colour.

    Args:
        paint_name: Name of the paint.
        is_bright: Whether it is bright.
    """

    paint_name: str = "red"
    is_bright: bool = False


def paint(
    wall: Path,
    *walls: Path,
    colour: Colour,
    coat_count: int = 1,
    tools: Sequence[str] = (),
    for_: str | None = None,
    primer: Path | None = None,
    others: Sequence[str] = (),
) -> int:
    """Paint walls. Twice is better.

    Args:
        wall: The wall.
        walls: More walls.
        colour: See `Colour`.
        coat_count: Number of coats.
        tools: A tool; may be repeated.
        for_: Whom for.
        primer: Picture of the first coat.
        others: More.
    """
    FUNCTION_CALLS.append((wall, walls, colour, coat_count, list(tools), for_, list(others)))
    return 3


FUNCTION_CALLS = []
PAINT = Command("art", "paint", {"walls": paint}, examples={"paint walls a --coat-count 2": "two coats"})


def test_words_and_options_become_the_parameters_of_the_function():
    argv = [
        "--tools",
        "brush",
        "a",
        "--coat_count=2",
        "--other.x-y",
        "5",
        "b",
        "--tools=roller",
        "--is-bright",
        "--for",
    ]
    assert PAINT("paint", ["walls", *argv, "me", "-c", "x.yaml"]) == 3
    wanted = (Path("a"), (Path("b"),), Colour(is_bright=True), 2, ["brush", "roller"], "me")
    assert FUNCTION_CALLS.pop() == (*wanted, ["--other.x_y", "5", "-c", "x.yaml"])


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["wals"], ["`paint wals`", "`paint walls`?"]),
        (["walls"], ["wall", "paint walls --help"]),
        (["walls", "a", "--coat-count", "two"], ["`--coat-count`", "a whole number", "two"]),
        (["walls", "a", "--coat-count"], ["`--coat-count`", "value"]),
        (["walls", "a", "--coat-count="], ["`--coat-count`", "value"]),
        (["walls", "a", "--coat-count", ""], ["`--coat-count`", "value"]),
        (["walls", "a", "--coat-count", "-c", "x.yaml"], ["`--coat-count`", "value"]),
        (["walls", "a", "--primer", ""], ["`--primer`", "value"]),
        (["walls", ""], ["walls"]),
        (["walls", "a", ""], ["walls"]),
        (["walls", "a", "--is-bright=very"], ["`--is-bright`", "very"]),
    ],
)
def test_mistakes_are_named(argv, values):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        PAINT("paint", argv)
    assert all(each in str(caught.value) for each in values)
    assert not FUNCTION_CALLS


def test_a_text_may_be_empty_and_a_flag_have_a_value():
    assert PAINT("paint", ["walls", "--is_bright", "true", "a", "--for="]) == 3
    assert FUNCTION_CALLS.pop() == (Path("a"), (), Colour(is_bright=True), 1, [], "", [])


@pytest.mark.parametrize("name", ["fit", "study run", "shotgun"])
@pytest.mark.parametrize("words", [["-c", "folder"], ["-c", ""], ["-c="], ["--config="], ["-c"], ["-c", "absent.yaml"]])
def test_what_is_not_a_file_of_settings_is_refused(name, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside.yaml").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    assert main([*name.split(), *words]) == 2
    said = capsys.readouterr().err
    assert "Parser key" not in said
    assert "folder" not in words or "inside.yaml" in said


@pytest.mark.parametrize("words", [[], ["--"], [""], ["word"], ["--trainer.max_epochs="]])
def test_a_training_without_settings_is_told_how_they_are_given(words, capsys):
    assert main(["fit", *words]) == 2
    said = capsys.readouterr().err
    assert ("`trainer.max_epochs`" if words[:1] == ["--trainer.max_epochs="] else "`-c FILE`") in said


def test_an_option_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"`--figur`.*`--figure`"):
        load_command("law")("law", ["fit", "x.csv", "--figur", "y"])


def test_a_command_that_does_not_exist_is_answered_with_the_nearest(capsys):
    assert main(["shotgn"]) == 2
    assert "`shotgun`?" in capsys.readouterr().err


def test_a_command_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "greet.py").write_text(
        "from gnn_sim2real.config.command import Command\n\n\n"
        'def greet(name: str, *, loud: bool = False) -> None:\n    """Greet somebody.\n\n    Args:\n'
        "        name: Whom.\n        loud: In capitals.\n"
        '    """\n    import sys\n\n    sys.stdout.write(name.upper() if loud else name)\n\n\n'
        'COMMAND = Command("manners", "greet somebody", greet)\n'
    )
    import gnn_sim2real.cli as package

    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    try:
        assert main(["greet", "you", "--loud"]) == 0
        assert capsys.readouterr().out == "YOU"
        assert main([]) == 0
        assert re.search(r"manners\n  greet\s+greet somebody", capsys.readouterr().out)
    finally:
        sys.modules.pop("gnn_sim2real.cli.greet", None)


def test_defaults_of_the_law_are_those_of_the_library():
    from gnn_sim2real.cli.law import LawOptions
    from gnn_sim2real.law.frame import DRAWS
    from gnn_sim2real.law.selection import DEFAULT_FORM

    options = LawOptions()
    assert (options.form, options.interval, options.draws, options.seed) == (
        DEFAULT_FORM,
        DRAWS.confidence,
        DRAWS.num_resamples,
        DRAWS.seed,
    )


def test_a_word_too_many_is_named():
    with pytest.raises(ValueError, match=r"'d\.csv'"):
        load_command("law")("law", ["fit", "c.csv", "d.csv"])


def test_the_kinds_of_projects_are_in_the_help(capsys, monkeypatch):
    from gnn_sim2real.cli.init import kinds

    text = told(["init"], capsys, monkeypatch)
    assert all(each in text for each in kinds())
