"""Archives of models: the same models again, whatever a hostile archive tries."""

import io
import re
import tarfile

import pytest
from libraries import copy_library, flip_byte, make_library
from tiny import CHAINS

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import ModelLibrary, save_model
from gnn_sim2real.library import archive as archives
from gnn_sim2real.library.archive import export_models, import_models

KEY = "0" * 32


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"))[0]


@pytest.fixture
def archive(library, tmp_path):
    export_models(library, library.keys(), tmp_path / "models.tar.gz")
    return tmp_path / "models.tar.gz"


def entries_of(path):
    with tarfile.open(path) as archive:
        return [(each, archive.extractfile(each).read()) for each in archive]


def write(path, entries):
    with tarfile.open(path, "w") as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def entry(name, content=b"", **settings):
    made = tarfile.TarInfo(name)
    for setting, value in settings.items():
        setattr(made, setting, value)
    return made, content


def all_files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["models.tar", "models.tar.gz", "models.tar.xz"])
def test_out_and_in_again(library, tmp_path, name):
    assert export_models(library, library.keys(), tmp_path / name) == 4
    other = ModelLibrary(tmp_path / "other")
    new, known = import_models(other, tmp_path / name)
    assert (sorted(new), known) == (sorted(library.keys()), [])
    assert other.verify(strict=True) == {}
    assert other.cards() == library.cards()
    for key in new:
        assert (other.load(key).predict(CHAINS).values == library.load(key).predict(CHAINS).values).all()
        assert other.identities(key) == library.identities(key)
    assert import_models(other, tmp_path / name) == ([], sorted(new))
    assert not [path for path in other.folder.iterdir() if path.name.startswith(".")]


def test_only_what_is_asked_for_goes_out(library, tmp_path):
    (card,) = library.cards(property="tg")
    export_models(library, [card.key], tmp_path / "one.tar")
    names = [each.name for each, _ in entries_of(tmp_path / "one.tar")]
    assert len(names) == 4  # three files, and the identities
    export_models(library, [card.key], tmp_path / "again.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_a_damaged_model_does_not_go_out(library, tmp_path):
    own = copy_library(library, tmp_path / "own")
    flip_byte(own.folder / own.keys()[0] / "weights.safetensors")
    with pytest.raises(CheckpointError, match="hash"):
        export_models(own, own.keys(), tmp_path / "models.tar")
    assert not list(tmp_path.glob("*models.tar*"))


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../escaped", b"x"),
        entry("/escaped", b"x"),
        entry(f"{KEY}/../../escaped", b"x"),
        entry(f"{KEY}/payload.pkl", b"x"),
        entry(f"{KEY}/card.json/x", b"x"),
        entry(f"{KEY}/card.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry(f"{KEY}/card.json", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        entry(KEY, type=tarfile.SYMTYPE, linkname="/etc"),
        entry("identities", type=tarfile.SYMTYPE, linkname="/etc"),
        entry(f"{KEY}/card.json", type=tarfile.FIFOTYPE),
        entry(f"{KEY}/card.json", type=tarfile.CHRTYPE),
        entry("index.parquet", b"x"),
    ],
    ids=lambda each: f"{each[0].name} {each[0].type.decode()}",
)
def test_nothing_but_models_comes_in(archive, tmp_path, hostile):
    write(tmp_path / "hostile.tar", [*entries_of(archive), hostile])
    folder = tmp_path / "below" / "library"
    before = all_files(tmp_path)
    with pytest.raises(ValueError, match=rf"hostile\.tar .*{re.escape(repr(hostile[0].name))}"):
        import_models(ModelLibrary(folder), tmp_path / "hostile.tar")
    assert all_files(tmp_path) == before


def test_an_altered_model_does_not_come_in_nor_does_any_other(archive, tmp_path):
    entries = entries_of(archive)
    number = next(number for number, (each, _) in enumerate(entries) if each.name.endswith("weights.safetensors"))
    entries[number] = (entries[number][0], entries[number][1][:-1] + b"x")
    write(tmp_path / "altered.tar", entries)
    library = ModelLibrary(tmp_path / "library")
    key = entries[number][0].name.partition("/")[0]
    with pytest.raises(CheckpointError, match=rf"\b1 models .* {key}: .*hash"):
        import_models(library, tmp_path / "altered.tar")
    assert library.keys() == []


@pytest.mark.parametrize("missing", ["card.json", "identities/"])
def test_a_model_without_its_card_or_its_identities_does_not_come_in(archive, tmp_path, missing):
    entries = [(each, content) for each, content in entries_of(archive) if missing not in each.name]
    write(tmp_path / "lacks.tar", entries)
    with pytest.raises(CheckpointError, match=r"\d+ models .*[0-9a-f]{32}: "):
        import_models(ModelLibrary(tmp_path / "library"), tmp_path / "lacks.tar")


def test_a_model_of_format_1_does_not_go_out_since_no_hash_stands_for_it(library, tmp_path):
    save_model(library.load(library.keys()[0]), tmp_path / "old" / KEY)
    with pytest.raises(CheckpointError, match=r": .*model\.json"):
        export_models(ModelLibrary(tmp_path / "old"), [KEY], tmp_path / "old.tar")


def test_a_bomb_is_not_unpacked(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE_SIZE", 1000)
    with pytest.raises(ValueError, match=rf"{archive.name} .*too large"):
        import_models(ModelLibrary(tmp_path / "library"), archive)
    monkeypatch.setattr(archives, "MAX_FILE_SIZE", 2**31)
    monkeypatch.setattr(archives, "MAX_TOTAL_SIZE", 20000)
    with pytest.raises(ValueError, match=rf"{archive.name} .*too large"):
        import_models(ModelLibrary(tmp_path / "library"), archive)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_refused(archive, tmp_path, share):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    library = ModelLibrary(tmp_path / "library")
    with pytest.raises(ValueError, match=archive.name):
        import_models(library, archive)
    assert library.keys() == []
