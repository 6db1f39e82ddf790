"""What the package itself wrote and others may have damaged: models, cards, checkpoints, archives, records."""

import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.library.archive import export_models, import_models
from gnn_sim2real.records.record import read_errors, read_record
from gnn_sim2real.tasks import SourcePretraining
from mutated.trial import NOTHING, Trial

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

ASKED = ["*CC*", "*CCO*", "*CC(C)*"]


class Stored:
    """A library of one model, its archive, its checkpoint and a record, each sound."""

    def __init__(self, folder: Path) -> None:
        from libraries import DENSITIES, pretrain
        from tiny import TinyPolymers, fit, gine

        self.folder = folder
        self.library = ModelLibrary(folder / "library")
        self.key, _ = pretrain(self.library)
        self.answer = load_model(self.library.folder / self.key).predict(ASKED).values
        self.archive = folder / "models.tar"
        export_models(self.library, [self.key], self.archive)
        trainer, _ = fit(lambda: SourcePretraining(gine()), TinyPolymers(DENSITIES), 1, enable_checkpointing=True,
                         default_root_dir=folder)  # fmt: skip
        self.checkpoint = Path(trainer.checkpoint_callback.best_model_path)
        self.checkpoint_answer = load_model(self.checkpoint).predict(ASKED).values
        self._count = 0

    def model_trials(self, rng: random.Random, rounds: int) -> Iterator[Trial]:
        """Damaged weights and cards of a library model."""
        source = self.library.folder / self.key
        card = (source / "card.json").read_text()
        yield self._model("as it is", "card.json", card.encode(), sound=True)
        for name in ("weights.safetensors", "config.yaml"):
            content = (source / name).read_bytes()
            for _ in range(rounds):
                yield self._model(f"a byte of {name}", name, _flip(content, rng))
                yield self._model(f"{name} cut", name, content[: rng.randrange(len(content))])
        for _ in range(2 * rounds):
            yield self._model("a byte of card.json", "card.json", _flip(card.encode(), rng))
            yield self._model("card.json cut", "card.json", card.encode()[: rng.randrange(len(card))])
            known = json.loads(card)
            name = rng.choice([*known])
            without = {key: value for key, value in known.items() if key != name}
            yield self._model("card without an entry", "card.json", json.dumps(without).encode())
            other = rng.choice((None, 5, -1, [], {}, "text", "\x1b[2J", 10**12, [[[]]]))
            yield self._model("card with another type", "card.json", json.dumps(known | {name: other}).encode())
            yield self._model("unknown entry", "card.json", json.dumps(known | {"evil": "import os"}).encode())
        for depth in (900, 10**5, 10**6):
            yield self._model("deep card", "card.json", b"[" * depth + b"]" * depth)
        yield self._model("card of 50 MB", "card.json", b'{"a": "' + b"x" * 50_000_000 + b'"}')

    def _model(self, how: str, name: str, content: bytes, sound: bool = False) -> Trial:
        """A copy of the model with another file; whoever accepts it must give the old answer."""
        self._count += 1
        folder = self.folder / "damaged" / f"{self._count}" / self.key
        return Trial(how, (self.library.folder / self.key, folder, name, content), self.answer, sound)

    def checkpoint_trials(self, rng: random.Random, rounds: int) -> Iterator[Trial]:
        """Damaged Lightning checkpoints."""
        content = self.checkpoint.read_bytes()
        yield Trial(
            "as it is", (self.folder / "checkpoints" / "sound.ckpt", content), self.checkpoint_answer, sound=True
        )
        for number in range(rounds):
            path = self.folder / "checkpoints" / f"{number}.ckpt"
            yield Trial("a byte", (path, _flip(content, rng)), self.checkpoint_answer)
            yield Trial("cut", (path, content[: rng.randrange(len(content))]), NOTHING)
            noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400)))
            yield Trial("noise", (path, noise), NOTHING)
            place = rng.randrange(len(content))
            yield Trial("a stretch of zeros", (path, content[:place] + bytes(64) + content[place + 64 :]),
                        self.checkpoint_answer)  # fmt: skip

    def archive_trials(self, rng: random.Random, rounds: int) -> Iterator[Trial]:
        """Damaged archives of models."""
        content = self.archive.read_bytes()
        yield Trial("as it is", (self.folder / "archives" / "sound.tar", content), self.answer, sound=True)
        for number in range(rounds):
            path = self.folder / "archives" / f"{number}.tar"
            yield Trial("a byte", (path, _flip(content, rng)), self.answer)
            yield Trial("cut", (path, content[: rng.randrange(len(content))]), self.answer)
            yield Trial("noise", (path, bytes(rng.randrange(256) for _ in range(700))), NOTHING)


def read_model(content: tuple[Path, Path, str, bytes]) -> Any:
    """The answer of a model of which one file is another."""
    source, folder, name, damaged = content
    shutil.copytree(source, folder)
    try:
        (folder / name).write_bytes(damaged)
        return load_model(folder).predict(ASKED).values
    finally:
        shutil.rmtree(folder)


def read_checkpoint(content: tuple[Path, bytes]) -> Any:
    """The answer of a checkpoint."""
    path, damaged = content
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged)
    try:
        return load_model(path).predict(ASKED).values
    finally:
        path.unlink()


def read_archive(content: tuple[Path, bytes]) -> Any:
    """The answer of the model that is imported into a new library."""
    path, damaged = content
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged)
    library = ModelLibrary(path.with_suffix(""))
    try:
        import_models(library, path)
        models = [each for each in library.folder.iterdir() if len(each.name) == 32] if library.folder.exists() else []
        if not models:
            raise ValueError("no model was imported")
        return load_model(models[0]).predict(ASKED).values
    finally:
        path.unlink()
        shutil.rmtree(library.folder, ignore_errors=True)


def record_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Damaged records and sidecars."""
    from gnn_sim2real.records.record import Record, RecordKey, write_record

    cell = RecordKey("GINE", "full", 100, "100", 20, 0, 0)
    metrics = {"mae": 0.123456, "rmse": 0.2345, "r2": 0.9, "num_test": 12.0}
    record = Record("a" * 32, cell, "density", "g/cm3", metrics, {"source": None, "target": None})
    path = write_record(folder / "sound", record, {f"{number:016x}": 0.01 * number for number in range(1, 13)})
    names = path.name, f"{record.key}.errors.json"
    meaning = read_stored((folder / "damaged", {name: (path.parent / name).read_bytes() for name in names}))
    whole = {name: (path.parent / name).read_bytes() for name in names}
    yield Trial("as it is", (folder / "damaged", whole), meaning, sound=True)
    for _ in range(rounds):
        for name in names:
            yield Trial(
                f"a byte of {name[32:]}", (folder / "damaged", whole | {name: _flip(whole[name], rng)}), meaning
            )
            cut = whole[name][: rng.randrange(len(whole[name]) - 1)]
            yield Trial(f"{name[32:]} cut", (folder / "damaged", whole | {name: cut}), NOTHING)
            noise = bytes(rng.randrange(256) for _ in range(100))
            yield Trial(f"noise as {name[32:]}", (folder / "damaged", whole | {name: noise}), NOTHING)


def read_stored(content: tuple[Path, dict[str, bytes]]) -> Any:
    """The numbers of a record and its sidecar."""
    folder, files = content
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_bytes(text)
    record = read_record(next(folder / name for name in files if "errors" not in name))
    cell = (record.cell.architecture, record.cell.policy, record.cell.source_size, record.cell.target_size)
    return {
        "cell": cell,
        "unit": record.unit,
        "metrics": dict(record.metrics),
        "errors": read_errors(folder, record.key),
    }


def _flip(content: bytes, rng: random.Random) -> bytes:
    """The same with one bit of one byte changed."""
    changed = bytearray(content)
    changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(changed)
