import errno
import json
import os
import stat
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gnn_sim2real.console import visible
from gnn_sim2real.files import (
    as_read,
    content_checksum,
    default_cache_folder,
    file_sha256,
    is_disk_full,
    require_replaceable,
    require_sound_zip,
    require_writable,
    spreadsheet_text,
    unseal,
    write_atomically,
    write_json,
    write_sealed,
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_written_whole_and_replaced(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(path.parent) == {"file.bin"}


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_the_old_file_survives_a_failure(tmp_path, monkeypatch, step, error):
    path = tmp_path / "file.bin"
    write_atomically(path, b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file.bin"}


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("n" * 250)
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_json_is_readable_and_the_same_for_the_same_content(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 0.1], "a": "Å"})
    write_json(tmp_path / "b.json", {"a": "Å", "b": [1, 0.1]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.json").read_text(encoding="utf-8")
    assert "Å" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"a": "Å", "b": [1, 0.1]}


def test_json_without_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"error": float("nan")})
    assert not names(tmp_path)


def test_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", "~/mine")
    assert default_cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("GNN_SIM2REAL_CACHE")
    assert default_cache_folder().name == "gnn-sim2real"


def test_what_counts_as_a_full_disk():
    def error(cause):
        try:
            raise ValueError("writing failed") from cause
        except ValueError as caught:
            return caught

    assert is_disk_full(error(OSError(errno.EDQUOT, "quota")))
    assert is_disk_full(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not is_disk_full(error(OSError(errno.EACCES, "permission")))
    assert not is_disk_full(MemoryError())


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(max_size=3), PLAIN, max_size=4), change=st.tuples(st.text(max_size=3), PLAIN))
def test_a_sealed_file_is_what_was_written_or_refused(content, change):
    written = {**as_read(content), "checksum": content_checksum(as_read(content))}
    found = json.loads(json.dumps(written, indent=7))
    unseal(found)
    assert found == as_read(content)
    changed = as_read(written | dict([change]))
    if changed["checksum"] == written["checksum"] and repr(changed) != repr(written):
        with pytest.raises(ValueError, match="checksum"):
            unseal(changed)


def test_a_sealed_file_is_read_by_the_same_and_by_earlier_versions(tmp_path):
    write_sealed(tmp_path / "file.json", {"a": (1, 2.5), "b": 10**30})
    found = json.loads((tmp_path / "file.json").read_text())
    unseal(found)
    assert found == {"a": [1, 2.5], "b": 10**30}
    unseal(found)  # without a checksum, as earlier versions wrote it


def test_a_file_is_read_once_until_it_changes_in_any_way(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"first")
    first = file_sha256(path)
    os.utime(path, ns=(0, 0))
    monkeypatch.setattr("gnn_sim2real.files._CLOCK_STEP", 0)
    assert file_sha256(path) == first
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", None)
        assert file_sha256(path) == first
    time.sleep(0.02)
    path.write_bytes(b"other")
    os.utime(path, ns=(0, 0))
    assert file_sha256(path) != first


def test_a_file_that_was_written_a_moment_ago_is_read_again(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"other"):
        path.write_bytes(content)
        found = file_sha256(path)
        status = path.stat()
        path.write_bytes(content[::-1])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert file_sha256(path) != found


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"text"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.ckpt"):
        require_sound_zip(tmp_path / "x.ckpt")


def test_a_compressed_archive_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**20))
    with pytest.raises(ValueError, match="compressed"):
        require_sound_zip(tmp_path / "x.ckpt")


@pytest.mark.parametrize("text", ["-5.3", "+1e-3", "-inf", "*CC*", "C=O", "[Na+]", "", "a=b", "'=1", "1+1"])
def test_what_no_spreadsheet_runs_stays(text):
    assert spreadsheet_text(text) == text


@given(text=st.text(st.sampled_from("=+-@\t\r\n1.eC(A)")))
@example('=HYPERLINK("http://x","y")')
@example("-2+3")
@example("@SUM(A1)")
def test_no_cell_begins_like_a_formula_unless_it_is_a_number(text):
    found = spreadsheet_text(text)
    assert found.removeprefix("'") == text
    if found != "-" and found[:1] in set("=+-@\t\r\n"):
        float(found)


@given(text=st.text() | st.text(st.characters(categories=("Cc", "Cf", "Cs", "Co", "Zl", "Zs"))))
@example("\x1b[31m\x9b2J\u202e\x07")
def test_text_from_elsewhere_is_shown_and_runs_nothing(text):
    shown = visible(text)
    assert not [each for each in shown if (ord(each) < 32 and each not in "\n\t") or 127 <= ord(each) < 160]
    assert "\u202e" not in shown
    if text.isprintable():
        assert shown == text


def test_a_place_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file"):
        require_writable(tmp_path / "file/folder/p.csv")

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("gnn_sim2real.files.tempfile.TemporaryFile", refuse)
    with pytest.raises(ValueError, match=tmp_path.name):
        require_writable(tmp_path / "new/p.csv")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("place", ["p.csv", "deep/er/p.csv", ""])
def test_nothing_is_written_into_the_folder_of_a_model(tmp_path, place):
    folder = tmp_path / ("0123456789abcdef" * 2)
    folder.mkdir()
    require_writable(folder / place)  # not yet a model
    (folder / "card.json").write_text("{}")
    with pytest.raises(ValueError, match=folder.name):
        require_writable(folder / place)
    with pytest.raises(ValueError, match=folder.name):
        require_replaceable(folder / "p.csv", overwrite=True)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ValueError, match=folder.name):
        require_replaceable(tmp_path / "link" / "p.csv")
    require_writable(tmp_path / "p.csv")
