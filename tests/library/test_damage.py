"""No damaged, exchanged or hostile model is used, and no text of one steers the terminal."""

import json
import os
import random
import shutil
import sys
import time
import zipfile

import orjson
import pyarrow
import pytest
import torch
from libraries import copy_library, flip_byte
from pyarrow import parquet
from safetensors.torch import load_file, save_file
from tiny import TinyPolymers, fit, gine, save_source

from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import load_model, save_model
from gnn_sim2real.library.content import hash_model
from gnn_sim2real.library.index import read_index, to_cards, write_index
from gnn_sim2real.study.resume import EpochCheckpoint
from gnn_sim2real.tasks import SourcePretraining

NAMES = ("card.json", "config.yaml", "weights.safetensors")


def settle(folder):
    """Give files an age at which they are remembered."""
    for path in folder.iterdir():
        os.utime(path, ns=(time.time_ns() - 10**10,) * 2)


def rename(library, key):
    """Give a changed model the hash of its content as its name, as anyone can."""
    return (library.folder / key).rename(library.folder / hash_model(library.folder / key)).name


def change_card(library, key, change):
    path = library.folder / key / "card.json"
    card = orjson.loads(path.read_bytes())
    change(card)
    path.write_text(json.dumps(card))
    return rename(library, key)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_changes_after_it_was_loaded_is_refused(library, name):
    key = library.keys()[0]
    path = library.folder / key / name
    settle(library.folder / key)
    library.load(key)
    status = path.stat()
    flip_byte(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(CheckpointError, match=key):
        library.load(key)


def test_a_model_is_hashed_once_while_it_stays(library, monkeypatch):
    key = library.keys()[0]
    hashed = []
    whole = hash_model.__globals__["_hash"]
    monkeypatch.setitem(hash_model.__globals__, "_hash", lambda folder: hashed.append(folder) or whole(folder))
    monkeypatch.setattr("gnn_sim2real.files._CLOCK_STEP", 0)
    for _ in range(3):
        library.load(key)
    assert len(hashed) == 1


def test_an_exchanged_model_is_refused(library):
    first, second = sorted(library.keys())[:2]
    shutil.rmtree(library.folder / first)
    shutil.copytree(library.folder / second, library.folder / first)
    with pytest.raises(CheckpointError, match=first):
        library.load(first)


def test_a_model_outside_libraries_has_the_hash_of_its_weights(library, tmp_path):
    first, second = (library.load(key) for key in sorted(library.keys())[:2])
    save_model(first, tmp_path / "first")
    save_model(second, tmp_path / "second")
    wanted = load_model(tmp_path / "first").fingerprint
    assert wanted == first.fingerprint
    description = tmp_path / "first" / "model.json"
    text = description.read_text()
    description.write_text(text.replace('"unit": "', '"unit": "k'))
    with pytest.raises(CheckpointError, match="checksum"):
        load_model(tmp_path / "first")
    old = {name: value for name, value in json.loads(text).items() if name not in ("checksum", "weights")}
    description.write_text(json.dumps(old))
    assert load_model(tmp_path / "first").fingerprint == wanted, "as earlier versions wrote it"
    description.write_text(text)
    flip_byte(tmp_path / "first" / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        load_model(tmp_path / "first")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    trainer, _ = fit(lambda: SourcePretraining(gine()), TinyPolymers())
    path = tmp_path_factory.mktemp("checkpoint") / "model.ckpt"
    trainer.save_checkpoint(path)
    return path


def test_no_flipped_bit_of_a_checkpoint_gives_other_weights(checkpoint, tmp_path):
    wanted, content = load_model(checkpoint), checkpoint.read_bytes()
    path, chosen, refused = tmp_path / "flipped.ckpt", random.Random(0), 0  # noqa: S311 (a sample)
    for _ in range(60):
        flipped = bytearray(content)
        flipped[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        path.write_bytes(flipped)
        try:
            found = load_model(path)
        except CheckpointError:
            refused += 1
        else:  # between the entries of the archive
            assert (found.fingerprint, found.card) == (wanted.fingerprint, wanted.card)
    assert refused > 30


def test_an_entry_that_calls_itself_a_folder_is_refused(checkpoint, tmp_path):
    """torch would leave the memory of its tensor as it is, and the checksums are right."""
    for name, attribute in (("same.ckpt", 0), ("folder.ckpt", 0x10)):
        with zipfile.ZipFile(checkpoint) as archive, zipfile.ZipFile(tmp_path / name, "w") as written:
            for entry in archive.infolist():
                content = archive.read(entry)
                entry.external_attr |= attribute if entry.filename.endswith("data/5") else 0
                written.writestr(entry, content)
    assert load_model(tmp_path / "same.ckpt").fingerprint == load_model(checkpoint).fingerprint
    with pytest.raises(CheckpointError, match=r"folder\.ckpt"):
        load_model(tmp_path / "folder.ckpt")


def weight_of(path):
    """Position of a byte of a weight in a checkpoint."""
    content = path.read_bytes()
    largest = max(torch.load(path, weights_only=True)["state_dict"].values(), key=torch.Tensor.numel)
    return content.index(largest.numpy().tobytes()) + 2


def test_a_flipped_weight_of_an_interrupted_training_is_thrown_away_with_a_line(checkpoint, tmp_path, caplog):
    path = tmp_path / "job.ckpt"
    content = bytearray(checkpoint.read_bytes())
    path.write_bytes(content)
    assert EpochCheckpoint(path).resume_from() == str(path)
    content[weight_of(checkpoint)] ^= 1
    path.write_bytes(content)
    assert EpochCheckpoint(path).resume_from() is None
    assert not path.exists()
    assert str(path) in caplog.text
    assert "epochs are lost" in caplog.text


def test_the_interrupted_training_of_another_job_is_not_continued(tmp_path, caplog):
    path = tmp_path / "mine.ckpt"
    torch.save({"job": "theirs"}, path)
    assert EpochCheckpoint(path).resume_from() is None
    assert "theirs" in caplog.text


@pytest.mark.parametrize("forge", ["by hand", "with a checksum", "with everything"])
def test_a_forged_index_is_not_believed(library, forge, caplog, capsys):
    wanted, path = library.cards(), library.folder / "index.parquet"
    better = [card._replace(metrics={"density": {"r2": 0.999, "mae": 0.0}}) for card in wanted]
    table = read_index(path)
    if forge == "by hand":
        metrics = pyarrow.array([orjson.dumps(card.metrics).decode() for card in better])
        parquet.write_table(table.set_column(table.column_names.index("metrics"), "metrics", metrics), path)
    else:
        write_index(path, better, table["stamp"].to_pylist() if forge == "with everything" else [])
    if forge != "with everything":
        assert library.cards() == wanted
    else:  # only someone who can write here can do that; it is found, if not at once
        assert to_cards(read_index(path)) == better
        assert main(["models", "verify", "--library", str(library.folder)]) == 1
        assert "index.parquet" in capsys.readouterr().out
        assert library.cards() == wanted
    assert main(["models", "verify", "--library", str(library.folder)]) == 0


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A folder that can be imported, whose module leaves a trace."""
    folder = tmp_path / "downloaded"
    folder.mkdir()
    (folder / "evil.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    assert not (folder / "ran").exists()
    assert "downloaded.evil" not in sys.modules


def test_no_format_imports_a_class_path_from_where_it_came(library, checkpoint, evil, tmp_path):
    save_model(library.load(library.keys()[0]), evil / "model")
    for name in ("network", "inner"):
        description = json.loads((evil / "model" / "model.json").read_text())
        description.pop("checksum", None)
        encoder = description["network"]["encoder"]
        if name == "inner":
            encoder |= {"class_path": "gnn_sim2real.nn.Blend", "init_args": {"encoder": dict(encoder)}}
            encoder = encoder["init_args"]["encoder"]
        encoder["class_path"] = "downloaded.evil.E"
        (evil / "model" / "model.json").write_text(json.dumps(description))
        with pytest.raises(CheckpointError, match=r"'downloaded\.evil\.E'"):
            load_model(evil / "model")
    content = torch.load(checkpoint, weights_only=True)
    content["gnn_sim2real_model"]["network"]["encoder"]["class_path"] = "downloaded.evil.E"
    torch.save(content, evil / "model.ckpt")
    with pytest.raises(CheckpointError, match=r"'downloaded\.evil\.E'"):
        load_model(evil / "model.ckpt")
    with pytest.raises(CheckpointError, match=r"'downloaded\.evil\.E'"):
        SourcePretraining.load_from_checkpoint(evil / "model.ckpt", encoder=gine())


def test_escape_codes_of_a_card_are_shown_not_run(library, capsys):
    hostile = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202egnp"
    key = library.keys()[0]

    def change(card):
        card |= {"source": hostile, "license": hostile, "citation": f"{hostile}\nsecond line", "architecture": hostile}
        card["network"]["properties"][0] |= {"name": hostile, "unit": "K"}
        card["metrics"] = {hostile: {"mae": 1.0}}
        card["data"]["name"] = hostile

    key = change_card(library, key, change)
    (other, *_) = set(library.keys()) - {key}
    flip_byte(library.folder / other / "card.json")
    for words in (["list"], ["list", "--json"], ["show", key], ["verify"], ["export", "/nowhere/x.tar", key]):
        main(["models", *words, "--library", str(library.folder)])
        said = capsys.readouterr()
        text = said.out + said.err
        assert all(letter.isprintable() or letter == "\n" for letter in text), words
        assert "red" in text or words[0] not in ("list", "show")
    assert library.card(key).source == r"\x1b[31mred\x1b]0;title\x07\x9b2J\u202egnp"


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(domain="crystal"),
        lambda card: card["metrics"].update(other={"mae": 0.1, "rmse": 0.2, "r2": 0.5}),
        lambda card: next(iter(card["metrics"].values())).update(r2=1.5),
        lambda card: next(iter(card["metrics"].values())).update(mae=-0.1),
        lambda card: next(iter(card["metrics"].values())).update(mae=2.0, rmse=1.0),
        lambda card: card["network"]["properties"].__setitem__(0, {"name": "density", "unit": "K"}),
        lambda card: card["network"]["properties"].__setitem__(0, {"name": "density", "unit": "furlong cheese"}),
        lambda card: card["network"]["properties"].__setitem__(0, {"name": "density", "unit": ""}),
        lambda card: card["network"]["properties"][0].update(unit="2 g/cm3"),
    ],
    ids=[
        "domain",
        "errors of another property",
        "R2 above 1",
        "negative error",
        "mean above root mean square",
        "the unit of another property",
        "an unknown unit",
        "no unit",
        "a unit with a factor",
    ],
)
def test_a_card_that_contradicts_itself_is_refused(library, change):
    """Its hash is right: whoever published it wrote it so."""
    key = change_card(library, library.keys()[0], change)
    with pytest.raises(CheckpointError):
        library.card(key)
    with pytest.raises(CheckpointError):
        load_model(library.folder / key)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {name: each.int() for name, each in weights.items()},
        lambda weights: {name: each.to(torch.complex64) for name, each in weights.items()},
        lambda weights: weights | {"scaler.std": torch.zeros_like(weights["scaler.std"])},
        lambda weights: weights | {"scaler.std": -weights["scaler.std"]},
        lambda weights: {name: -each - 1 if "running_var" in name else each for name, each in weights.items()},
    ],
    ids=["whole numbers", "complex numbers", "no width", "a negative width", "negative variances"],
)
def test_weights_that_no_training_leaves_are_refused(library, change):
    folder = library.folder / library.keys()[0]
    weights = change(load_file(folder / "weights.safetensors"))
    save_file({name: each.contiguous() for name, each in weights.items()}, folder / "weights.safetensors")
    moved = folder.with_name(hash_model(folder))
    folder.rename(moved)
    with pytest.raises(CheckpointError):
        load_model(moved)


@pytest.mark.parametrize(
    "content",
    [
        b'{"card_format": 1, "source": "' + b"x" * 50_000_000 + b'"}',
        b'{"card_format": 1, "data": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b"[" * 1_000_000,
        b'{"card_format": 1, "size": NaN}',
        b'{"card_format": 1, "size": 1e999}',
        b'{"card_format": 1, "size": 1, "size": 2}',
        b"\xff\xfe",
        b"",
    ],
    ids=["50 MB", "900 deep", "a million deep", "NaN", "infinity", "twice", "not text", "empty"],
)
def test_an_absurd_card_ends_quickly(library, content):
    key = library.keys()[0]
    for name in ("card.json", "model.json"):
        (library.folder / key / "card.json").unlink(missing_ok=True)
        (library.folder / key / name).write_bytes(content)
        started = time.monotonic()
        with pytest.raises(CheckpointError, match=key):
            library.card(key)
        with pytest.raises(CheckpointError, match=key):
            library.load(key)
        assert time.monotonic() - started < 2


def settings(card):
    return card["network"]["encoder"]["init_args"]


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda card: settings(card).update(hidden_dim=10**9), "1000000000"),
        (lambda card: settings(card).update(hidden_dim=10**6), "hidden_dim"),
        (lambda card: settings(card).update(hidden_dim=2**15), "weights"),
        (lambda card: settings(card).update(num_layers=10**6), "num_layers"),
        (lambda card: settings(card).update(num_layers=10**3), "weights"),
        (lambda card: settings(card).update(hidden_dim=-8), "model"),
        (lambda card: settings(card).update(unheard_of=1), "unheard_of"),
        (lambda card: card["network"].update(unheard_of=1), "unheard_of"),
        (lambda card: card["network"]["encoder"].update(unheard_of=1), "unheard_of"),
        (lambda card: card["network"]["properties"][0].update(unheard_of=1), "unheard_of"),
        (lambda card: card["featurizer"].update(unheard_of=1), "unheard_of"),
        (lambda card: card["featurizer"].update(settings={"unheard_of": 1}), "unheard_of"),
        (lambda card: card.update(unheard_of=1), "unheard_of"),
        (lambda card: card["network"]["properties"].extend([{"name": "x", "unit": ""}] * 20_000), "properties"),
    ],
)
def test_what_no_model_of_this_package_has_is_refused_before_it_is_made(library, change, value):
    key = change_card(library, library.keys()[0], change)
    started = time.monotonic()
    with pytest.raises(CheckpointError, match=value):
        library.load(key)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(library, tmp_path, value):
    model = library.load(library.keys()[0])
    with torch.no_grad():
        next(iter(model.network.parameters())).view(-1)[0] = value
    save_model(model, tmp_path / "model")
    with pytest.raises(CheckpointError, match="finite"):
        load_model(tmp_path / "model")


def test_the_check_of_a_network_changes_no_random_number(tmp_path):
    source = save_source(tmp_path / "source")
    torch.manual_seed(3)
    load_model(source if source is not None else tmp_path / "source")
    first = torch.rand(1)
    torch.manual_seed(3)
    load_model(tmp_path / "source")
    assert torch.equal(first, torch.rand(1))


def test_a_copy_under_another_name_cannot_be_checked(library, tmp_path):
    own = copy_library(library, tmp_path / "copy")
    key = own.keys()[0]
    (own.folder / key).rename(own.folder / "best")
    with pytest.raises(CheckpointError, match="best"):
        load_model(own.folder / "best")
