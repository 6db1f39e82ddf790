"""Options are read with dashes and with underscores, whichever of the two the parser lists."""

import pytest
from jsonargparse import ArgumentParser

from gnn_sim2real.config.command import parse
from gnn_sim2real.config.options import respell, settings_as_options, take_option, take_options


def make_parser():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--target-size", type=int, default=0)
    parser.add_argument("--seed_everything", type=int, default=0)
    parser.add_argument("--axes.source_size", type=int, default=0)
    return parser


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ("--target_size", "--target-size"),
        ("--target_size=3_0", "--target-size=3_0"),
        ("--target-size", "--target-size"),
        ("--seed-everything=1", "--seed_everything=1"),
        ("--seed_everything", "--seed_everything"),
        ("--axes.source-size", "--axes.source_size"),
        ("--data.init_args.validation-fraction=0.2", "--data.init_args.validation_fraction=0.2"),
        ("--no_such-option", "--no_such-option"),
        ("a_file-name.csv", "a_file-name.csv"),
        ("-c", "-c"),
        ("--", "--"),
    ],
)
def test_the_parser_decides_the_spelling(given, spelled):
    assert respell([given], make_parser()) == [spelled]


def test_both_spellings_are_parsed():
    first, second = (
        parse(make_parser(), respell(argv, make_parser()))
        for argv in (
            ["--target_size", "3", "--seed-everything=4", "--axes.source-size", "5"],
            ["--target-size=3", "--seed_everything", "4", "--axes.source_size=5"],
        )
    )
    assert first == second
    assert (first.target_size, first.seed_everything, first.axes.source_size) == (3, 4, 5)


@pytest.mark.parametrize(
    ("argv", "spelled"),
    [
        (["--dry_run", "true", "a"], ["--dry-run", "a"]),
        (["--dry-run=True"], ["--dry-run"]),
        (["a", "--dry-run", "false", "b"], ["a", "b"]),
        (["--dry_run=false", "--dry-run"], ["--dry-run"]),
        (["--dry-run", "truth"], ["--dry-run", "truth"]),
        (["--target-size", "true"], ["--target-size", "true"]),
        (["--", "--dry-run", "false"], ["--", "--dry-run", "false"]),
    ],
)
def test_a_flag_may_have_a_value(argv, spelled):
    parser = make_parser()
    parser.add_argument("--dry-run", action="store_true")
    assert respell(argv, parser) == spelled


@pytest.mark.parametrize("value", ["", "maybe", "1"])
def test_a_flag_is_true_or_false(value):
    parser = make_parser()
    parser.add_argument("--dry-run", action="store_true")
    with pytest.raises(ValueError, match="`--dry-run`"):
        respell([f"--dry_run={value}"], parser)


@pytest.mark.parametrize("argv", [["a", "--publish", "x=1", "b"], ["--publish=x=1", "a", "b"]])
def test_an_option_beside_those_of_the_configuration(argv):
    assert take_option(argv, "--publish") == ("x=1", ["a", "b"])
    assert take_option(argv, "--only") == (None, argv)
    with pytest.raises(ValueError, match="`--publish`"):
        take_option(["a", "--publish"], "--publish")


def test_an_option_that_may_be_given_several_times():
    argv = ["-c", "one.yaml", "--workers", "2", "--config=two.yaml", "-c=three.yaml"]
    assert take_options(argv, "-c", "--config") == (["one.yaml", "two.yaml", "three.yaml"], ["--workers", "2"])
    with pytest.raises(ValueError, match="`--config`"):
        take_options(["-c", "one.yaml", "--config"], "-c", "--config")


def test_errors_speak_of_options():
    options = {"file_unit": "--file-unit", "lower": "--lower"}
    with pytest.raises(ValueError, match="mine") as error, settings_as_options(options.get):
        raise ValueError("mine.csv: set `file_unit: degC`, or `lower` and `data.init_args.lower`; `path` stays")
    assert str(error.value) == "mine.csv: set `--file-unit degC`, or `--lower` and `--lower`; `path` stays"
    with pytest.raises(ValueError, match="--at") as error, settings_as_options({"at": "--at"}.get):
        raise ValueError("set `at: {Mn (g/mol): all}`")
    assert str(error.value) == "set `--at '{Mn (g/mol): all}'`"  # as a shell takes it
