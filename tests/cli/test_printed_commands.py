"""Every command that the package prints or writes can be typed."""

import ast
import contextlib
import io
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import ModelLibrary

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("data", "law", "models", "shotgun", "study")
ONE_MODEL = ("fit", "validate", "test", "predict")
FINETUNE = "configs/demo/polymer_finetune.yaml"
COMMAND = re.compile(r"gnn-sim2real ((?:fit|validate|test|predict|calibrate|data|law|models|shotgun|study)\b[^`<\n]*)")
SHORT = re.compile(r"`((?:data|law|models|shotgun|study) [a-z]\w*(?: [^`\n]*)?)`")
VALUES = re.compile(r"[A-Z][A-Z_]*(?:\.\w+)?")


def texts():
    """Texts of the package with the file that each is in; what is put into one is X."""
    for path in sorted([*ROOT.glob("gnn_sim2real/**/*.py"), *ROOT.glob("datamodules/**/*.py")]):
        tree = ast.parse(path.read_text())
        joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        parts = {id(value) for node in joined for value in node.values}
        for node in joined:
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                yield node.value
    for path in sorted(ROOT.glob("gnn_sim2real/**/*.html")):
        yield path.read_text()


@cache
def commands():
    found = set()
    for text in texts():
        for spelled in [*COMMAND.findall(text), *SHORT.findall(text)]:
            words = re.sub(r" \| .*|: .*|;.*|[\[\]]|\.\.\.|\s{2,}.*", "", spelled).split()
            found.add(" ".join(words).rstrip(".,)\"'"))
    return sorted(found)


@cache
def told(*words):
    """The help of a command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        assert main([*words, "--help"]) == 0
    return out.getvalue()


def test_there_are_commands():
    assert {"study status X", "models build -c LIBRARY.yaml", "law plan"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_a_command_is_there_and_has_its_options(command, capfd):
    words = command.split()
    options = [word for word in words if word.startswith("-")]
    if words[0] in ONE_MODEL and options:
        is_file = [word.endswith(".yaml") and VALUES.fullmatch(word) for word in words]
        is_file = [
            each or re.fullmatch("X(/X)*", word) for each, word in zip(is_file, words, strict=True)
        ]  # of the code
        given = [FINETUNE if each else word for each, word in zip(is_file, words, strict=True)]
        if "-c" not in words:  # models before the options, which a stage does not take
            assert set(options) <= {"--calibration", "--print_config", "--ckpt_path", "--kfold"}
            return
        with pytest.raises(SystemExit) as end:
            main([*given, "--print_config"])
        assert end.value.code in (0, None), capfd.readouterr().err
        return
    names = words[:2] if words[0] in GROUPS and len(words) > 1 and words[1].islower() else words[:1]
    text = told(*(name for name in names if not name.startswith("-")))
    for option in options:
        assert option in ("--data.NAME", "--help") or re.search(rf"(?<![\w-]){re.escape(option)}\b", text), option


def test_a_command_for_a_library_names_its_folder(tmp_path, capfd):
    library = ModelLibrary(tmp_path / "my models")
    with pytest.raises(ValueError, match="models list") as caught:
        library.find("abc")
    command = re.search("`gnn-sim2real (.*)`", str(caught.value))[1]
    library.folder.mkdir()
    assert main(shlex.split(command)) == 0
