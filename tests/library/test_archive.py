"""Archives of models: the same models again, whatever a hostile archive tries."""

import gzip
import io
import re
import shutil
import tarfile
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
    with pytest.raises(ValueError, match=rf"{archive.name} .*large"):
        import_models(ModelLibrary(tmp_path / "library"), archive)
    monkeypatch.setattr(archives, "MAX_FILE_SIZE", 2**31)
    monkeypatch.setattr(archives, "MAX_TOTAL_SIZE", 20000)
    with pytest.raises(ValueError, match=rf"{archive.name} .*large"):
        import_models(ModelLibrary(tmp_path / "library"), archive)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_refused(archive, tmp_path, share):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    library = ModelLibrary(tmp_path / "library")
    with pytest.raises(ValueError, match=archive.name):
        import_models(library, archive)
    assert library.keys() == []


def test_a_header_takes_no_more_memory_than_a_header(tmp_path):
    """`tarfile` would read two gigabytes of zeros, which take two megabytes in the archive."""
    header = tarfile.TarInfo("PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 2**31
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf())
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bomb\.tar\.gz .*large.*'PaxHeader'"):
        import_models(ModelLibrary(tmp_path / "library"), path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_an_archive_that_grows_a_hundredfold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_RATIO", 0)
    entry = tarfile.TarInfo(f"{KEY}/weights.safetensors")
    entry.size = 2**30
    path = tmp_path / "zeros.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(entry.tobuf())
    with pytest.raises(ValueError, match=r"zeros\.tar\.gz .*large"):
        import_models(ModelLibrary(tmp_path / "library"), path)


def test_folders_count_in_the_size_of_an_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL_SIZE", 20000)
    folder = tarfile.TarInfo(KEY)
    folder.type = tarfile.DIRTYPE
    path = tmp_path / "folders.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(100 * folder.tobuf() + bytes(1024))
    with pytest.raises(ValueError, match=r"folders\.tar\.gz .*large"):
        import_models(ModelLibrary(tmp_path / "library"), path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, tarfile.BLKTYPE, tarfile.CONTTYPE, b"Z"])
def test_files_of_odd_kinds_do_not_come_in(archive, tmp_path, kind):
    made, _ = entry(f"{KEY}/card.json", type=kind)
    content = gzip.decompress(archive.read_bytes())
    (tmp_path / "odd.tar").write_bytes(made.tobuf() + content)
    with pytest.raises(ValueError, match=rf"odd\.tar .*{KEY}"):
        import_models(ModelLibrary(tmp_path / "library"), tmp_path / "odd.tar")


def test_headers_of_other_programs_are_skipped(library, archive, tmp_path):
    made, _ = entry("PaxHeader", type=tarfile.XGLTYPE)
    made.size = 100
    content = gzip.decompress(archive.read_bytes())
    (tmp_path / "other.tar").write_bytes(made.tobuf() + bytes(512) + content)
    new, _ = import_models(ModelLibrary(tmp_path / "library"), tmp_path / "other.tar")
    assert sorted(new) == sorted(library.keys())


def test_a_file_that_comes_twice_is_refused(archive, tmp_path):
    entries = entries_of(archive)
    write(tmp_path / "twice.tar", [*entries, entries[-1]])
    with pytest.raises(ValueError, match=r"twice\.tar"):
        import_models(ModelLibrary(tmp_path / "library"), tmp_path / "twice.tar")


def test_an_archive_cut_between_two_files_is_refused(archive, tmp_path):
    content = gzip.decompress(archive.read_bytes())
    with tarfile.open(archive) as whole:
        end = whole.getmembers()[-1].offset
    (tmp_path / "cut.tar").write_bytes(content[:end])
    with pytest.raises(ValueError, match=r"cut\.tar"):
        import_models(ModelLibrary(tmp_path / "library"), tmp_path / "cut.tar")


def test_identities_that_are_there_are_never_replaced(library, archive, tmp_path):
    own = copy_library(library, tmp_path / "own")
    wanted = all_files(own.folder)
    name = next(name for name in wanted if name.startswith("identities/"))
    before = (own.folder / name).read_bytes()
    hostile = [(each, b"nonsense" if each.name == name else content) for each, content in entries_of(archive)]
    alone = [(each, content) for each, content in hostile if each.name == name]
    for number, entries in enumerate((hostile, alone)):
        write(tmp_path / f"{number}.tar", entries)
        with suppress(ValueError):
            import_models(own, tmp_path / f"{number}.tar")
        assert (own.folder / name).read_bytes() == before
        assert own.verify(strict=True) == {}
    write(tmp_path / "stray.tar", [*entries_of(archive), entry(f"identities/{KEY}.safetensors", b"of no model")])
    import_models(own, tmp_path / "stray.tar")
    assert all_files(own.folder) == wanted


def test_a_damaged_model_that_is_there_is_said(library, archive, tmp_path, caplog):
    own = copy_library(library, tmp_path / "own")
    key = own.keys()[0]
    flip_byte(own.folder / key / "weights.safetensors")
    assert import_models(own, archive)[0] == []
    assert key in caplog.text


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_archive_brings_the_same_models_or_none(library, archive, tmp_path, data):
    content = bytearray(gzip.decompress(archive.read_bytes()))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 600))
        content[position] = data.draw(st.integers(0, 255))
    (tmp_path / "changed.tar").write_bytes(content)
    own = ModelLibrary(tmp_path / "library")
    with suppress(ValueError):
        import_models(own, tmp_path / "changed.tar")
    assert set(own.keys()) <= set(library.keys())
    assert own.verify(strict=True) == {}
    shutil.rmtree(own.folder, ignore_errors=True)
