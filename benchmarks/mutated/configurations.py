"""YAML of a training."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gnn_sim2real.config.lightning_cli import plain, read_stage
from mutated.trial import NOTHING, Trial

BASE = Path(__file__).parents[2] / "configs/demo/polymer_pretrain.yaml"


def read_settings(content: tuple[Path, bytes]) -> str:
    """The resolved configuration, without its own path."""
    path, text = content
    path.write_bytes(text)
    _, config = read_stage(path)
    return json.dumps({name: plain(config)[name] for name in ("trainer", "model", "data")}, sort_keys=True)


def yaml_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated YAMLs."""
    text = BASE.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    meaning = read_settings((folder / "base.yaml", text.encode()))

    def trial(how: str, given: Any, means: Any = NOTHING, sound: bool = False) -> Trial:
        written = given if isinstance(given, bytes) else given.encode() if isinstance(given, str) else _dump(given)
        return Trial(how, (folder / "a.yaml", written), means, sound)

    for _ in range(rounds):
        yield trial("another order", yaml.safe_dump(content, sort_keys=True), meaning, sound=True)
        yield trial("flow style", yaml.safe_dump(content, default_flow_style=True), meaning)
        yield trial("JSON", json.dumps(content), meaning)
        yield trial("line ends of Windows", text.replace("\n", "\r\n"), meaning)
        yield trial("byte order mark", b"\xef\xbb\xbf" + text.encode(), meaning)
        path = rng.choice(list(_paths(content)))
        letter = rng.randrange(len(path[-1]))
        wrong = path[-1][:letter] + path[-1][letter + 1 :] + rng.choice("xq")
        yield trial("misspelled name", _changed(content, path, wrong))
        line = rng.choice([each for each in text.splitlines() if re.fullmatch(r"\s+\w+: [\d.e-]+", each)])
        yield trial("a name twice", text.replace(line, f"{line}7\n{line}"))
        name, size = "batch_size", rng.randrange(8, 512)
        sized = _changed(content, ("data", "init_args", name), name, size)
        written = yaml.safe_dump(sized)
        meant = read_settings((folder / "sized.yaml", written.encode()))
        yield trial("underscore in a number", _sized(written, name, f"{str(size)[0]}_{str(size)[1:]}"), meant)
        octal = not set(str(size)) & set("89")  # others are texts for YAML, and read as the number they show
        yield trial("number that begins with 0", _sized(written, name, f"0{size}"), NOTHING if octal else meant)
        yield trial("number of sixties", _sized(written, name, f"{size}:{rng.randrange(10, 60)}"))
        yield trial("true or false for a number", _sized(written, name, rng.choice(("yes", "no", "on", "off"))))
        other = rng.choice(("[1, {", "key: [", "\t- a", "a: b: c", "\x00", "- 1", "5", "&a *b"))
        yield trial("no YAML of settings", other + "\n" + (text if other != "5" else ""))
        value = rng.choice(([1], {"a": 1}, "many", -1.5))
        setting = rng.choice((("trainer", "max_epochs"), ("data", "init_args", "batch_size"), ("seed_everything",)))
        yield trial("another type", _changed(content, setting, setting[-1], value))
        name = rng.choice(("os.system", "gnn_sim2real.nn.Gine", "gnn_sim2real", "", "torch.nn.Linear"))
        encoder = ("model", "init_args", "encoder", "class_path")
        yield trial("another class", _changed(content, encoder, "class_path", name))
        yield trial("bytes", bytes(rng.randrange(256) for _ in range(200)))


def _dump(content: Any) -> bytes:
    return yaml.safe_dump(content).encode()


def _sized(text: str, name: str, value: str) -> str:
    return re.sub(rf"\b{name}: .*", f"{name}: {value}", text)


def _paths(content: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in content.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))


def _changed(content: Any, path: tuple[str, ...], name: str, value: Any = None) -> Any:
    """Another name, or another value, for one of the settings."""
    copied = json.loads(json.dumps(content))
    inner = copied
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    former = inner.pop(path[-1], None)
    inner[name] = former if value is None else value
    return copied
