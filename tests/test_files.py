import errno
import json
import os
import stat
from pathlib import Path

import pytest

from gnn_sim2real.files import default_cache_folder, is_disk_full, write_atomically, write_json


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
