"""What a download leaves on disk is what was downloaded, or is refused or downloaded again, with a line."""

import json
import os
import shutil

import pytest

from gnn_sim2real.databases import chunks as chunks_module
from gnn_sim2real.databases.entries import TABLE_COLUMNS
from gnn_sim2real.databases.snapshot import Batch, find_snapshots, get_snapshot
from gnn_sim2real.errors import DownloadError

ROW = dict.fromkeys(TABLE_COLUMNS) | {"reduced_formula": "NaCl", "nsites": 2, "problem": "none"}


class Rows:
    """A database of a few rows; `breaks` tells after how many of its batches it breaks off."""

    def __init__(self, breaks=None):
        self.breaks, self.asked = breaks, []

    def facts(self):
        return {"field_units": {"gap": "eV"}}

    def describe(self):
        return {"url": "nowhere"}

    def read(self, bookmark):
        for number in range((bookmark or {"next": 0})["next"], 4):
            if self.breaks == number:
                raise ConnectionError("cable")
            self.asked.append(number)
            rows = [ROW | {"material_id": f"{number}-{row}", "gap": float(row)} for row in range(3)]
            yield Batch(rows, {"next": number + 1}, 12)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 3)


def get(folder, source=None, **settings):
    return get_snapshot(folder, source or Rows(), ("gap",), **settings)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_changed_snapshot_is_refused_whatever_its_size_and_time(tmp_path, exchange):
    first = get(tmp_path)
    assert get(tmp_path) == first
    status, content = first.path.stat(), bytearray(first.path.read_bytes())
    content[len(content) // 2] ^= 1
    if exchange:
        first.path.unlink()
    first.path.write_bytes(content)
    os.utime(first.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for settings in ({}, {"date": first.info["date"]}):
        with pytest.raises(DownloadError, match=rf"{first.path}.*SHA-256"):
            get(tmp_path, **settings)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"eV"', '"meV"'),
        lambda text: text.replace("12", "13"),
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: '{"size": 1}',
        lambda text: "\x00",
    ],
)
def test_damaged_facts_of_a_snapshot_are_left_out_with_a_line(tmp_path, damage, caplog):
    first = get(tmp_path)
    facts = first.path.with_suffix(".json")
    facts.write_text(damage(facts.read_text()))
    assert find_snapshots(tmp_path) == []
    assert str(facts) in caplog.text


def test_the_facts_of_an_earlier_version_are_read(tmp_path):
    first = get(tmp_path)
    facts = first.path.with_suffix(".json")
    content = json.loads(facts.read_text())
    del content["checksum"]
    facts.write_text(json.dumps(content))
    assert get(tmp_path) == first


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("part-000001.parquet", lambda content: content[:-9] + b"x" + content[-8:]),
        ("part-000000.parquet", lambda content: b""),
        ("part-000000.parquet", None),
        ("state.json", lambda content: content.replace(b'"next": 2', b'"next": 3')),
        ("state.json", lambda content: content[:50]),
        ("state.json", lambda content: b"\xff\xfe"),
        ("state.json", lambda content: b""),
        ("state.json", lambda content: b"[]"),
    ],
)
def test_a_damaged_unfinished_download_starts_again_with_a_line(tmp_path, name, damage, caplog):
    whole = get(tmp_path / "whole")
    with pytest.raises(ConnectionError):
        get(tmp_path / "broken", Rows(breaks=2))
    shutil.copytree(tmp_path / "broken", tmp_path / "sound")
    path = tmp_path / "broken" / "unfinished" / name
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    source = Rows()
    assert get(tmp_path / "broken", source).info["sha256"] == whole.info["sha256"]
    assert source.asked == [0, 1, 2, 3]
    assert str(path.parent) in caplog.text
    caplog.clear()
    source = Rows()
    assert get(tmp_path / "sound", source).info["sha256"] == whole.info["sha256"]
    assert source.asked == [2, 3]
    assert "is damaged" not in caplog.text
