"""Libraries on the Hugging Face Hub, by its own client and a small Hub on this machine."""

import fsspec
import pytest
from hub import small_hub

from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.library.remote import RemoteLibrary

hub = pytest.importorskip("huggingface_hub", reason="pip install 'gnn-sim2real[hub]'")


@pytest.fixture
def open_remote(monkeypatch):
    """Opens a library in a repository of this server."""

    def open_at(server, url):
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": server.url})
        hub.HfFileSystem.clear_instance_cache()
        return RemoteLibrary(url)

    return open_at


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["", "/models/2026"])
def test_there_in_one_commit_and_back(library, tmp_path, open_remote, folder):
    with small_hub("team/library") as server:
        remote = open_remote(server, f"hf://team/library{folder}")
        assert sorted(remote.push(library, library.keys())) == sorted(library.keys())
        assert server.commits == 1
        assert remote.push(library, library.keys()) == []
        assert server.commits == 1
        other = ModelLibrary(tmp_path / "other")
        assert sorted(remote.pull(other)) == sorted(library.keys())
        assert other.verify(strict=True) == {}


def test_a_refused_commit_is_said_and_the_next_command_goes_on(library, tmp_path, open_remote, monkeypatch):
    monkeypatch.setattr("gnn_sim2real.library.remote._FILES_A_COMMIT", 3)
    with small_hub("team/library", fails_at=2) as server:
        with pytest.raises(ValueError, match=r"hf://team/library (?s:.*)rate limit"):
            open_remote(server, "hf://team/library").push(library, library.keys())
        first = ModelLibrary(tmp_path / "first")
        assert len(open_remote(server, "hf://team/library").pull(first)) == 1
        sent = open_remote(server, "hf://team/library").push(library, library.keys())
        assert sorted(sent) == sorted(set(library.keys()) - set(first.keys()))
        assert len(open_remote(server, "hf://team/library").pull(ModelLibrary(tmp_path / "all"))) == 4


def test_no_such_repository(library, open_remote):
    with small_hub("team/library") as server:
        remote = open_remote(server, "hf://someone/else")
        with pytest.raises(FileNotFoundError, match="hf://someone/else"):
            remote.push(library, library.keys())
        assert server.files == {}
