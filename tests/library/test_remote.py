"""Libraries elsewhere, by the real file systems of fsspec: only what is missing moves, and every hash is checked."""

import gzip
import re
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep

import fsspec
import pytest
from libraries import flip_byte, pretrain

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.library.filters import CardFilters
from gnn_sim2real.library.remote import RemoteLibrary


@pytest.fixture(params=["local", "file", "memory"])
def url(request, tmp_path):
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        fsspec.filesystem("memory").pseudo_dirs[:] = [""]
        return "memory://shared/models"
    return f"{tmp_path}/remote/models" if request.param == "local" else f"file://{tmp_path}/remote/models"


def watch(monkeypatch, remote, name):
    """Names of the files that a remote library uploads or downloads from now on."""
    moved, whole = [], getattr(remote._system, name)

    def count(first, second, **settings):
        moved.append((second if name == "put_file" else first).removeprefix(f"{remote._root}/"))
        return whole(first, second, **settings)

    monkeypatch.setattr(remote._system, name, count)
    return moved


def test_there_and_back(library, url, tmp_path):
    assert sorted(RemoteLibrary(url).push(library, library.keys())) == sorted(library.keys())
    other = ModelLibrary(tmp_path / "other")
    assert sorted(RemoteLibrary(url).pull(other)) == sorted(library.keys())
    assert other.verify(strict=True) == {}
    assert other.cards() == library.cards()
    assert not [path for path in other.folder.iterdir() if path.name.startswith(".")]


def test_only_what_is_missing_moves(library, url, tmp_path, monkeypatch):
    remote = RemoteLibrary(url)
    first, *others = library.keys()
    remote.push(library, [first])
    sent = watch(monkeypatch, remote, "put_file")
    assert sorted(remote.push(library, library.keys())) == sorted(others)
    assert not [name for name in sent if name.startswith(first)]
    assert remote.push(library, library.keys()) == []
    other = ModelLibrary(tmp_path / "other")
    remote.pull(other)
    new, _ = pretrain(library, seed=7)
    remote.push(library, library.keys())
    fetched = watch(monkeypatch, remote, "get_file")
    assert remote.pull(other) == [new]
    assert {name.partition("/")[0] for name in fetched} == {new, "identities"}
    assert remote.pull(other) == []


def test_an_interrupted_sending_goes_on(library, url, tmp_path, monkeypatch):
    remote, sent = RemoteLibrary(url), []

    def break_off(source, target, whole=remote._system.put_file):
        if len(sent) == 5:
            raise ConnectionError("cable")
        sent.append(target)
        whole(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(remote._system, "put_file", break_off)
        with pytest.raises(ValueError, match="cable"):
            remote.push(library, library.keys())
    half = remote.pull(ModelLibrary(tmp_path / "half"))
    assert len(half) == 1  # complete models can be downloaded
    remote.push(library, library.keys())
    assert len(remote.pull(ModelLibrary(tmp_path / "all"))) == 4


def test_some_models_by_their_cards(library, url, tmp_path, monkeypatch):
    remote = RemoteLibrary(url)
    remote.push(library, library.keys())
    fetched = watch(monkeypatch, remote, "get_file")
    other = ModelLibrary(tmp_path / "other")
    came = remote.pull(other, CardFilters(property="tg").match)
    assert [card.properties for card in other.cards()] == [("glass_transition",)]
    assert len(came) == 1
    assert len([name for name in fetched if name.endswith("weights.safetensors")]) == 1


@pytest.mark.parametrize("name", ["weights.safetensors", "config.yaml", "card.json"])
def test_a_model_that_was_altered_there_does_not_come(library, tmp_path, name):
    remote = RemoteLibrary(str(tmp_path / "remote"))
    remote.push(library, library.keys())
    bad, *others = sorted(library.keys())
    flip_byte(tmp_path / "remote" / bad / name)
    other = ModelLibrary(tmp_path / "other")
    with pytest.raises(CheckpointError, match=f"^1 models .* {bad}"):
        remote.pull(other)
    assert sorted(other.keys()) == others
    assert other.verify(strict=True) == {}


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "other", "missing"])
def test_one_bad_model_does_not_keep_the_others_from_coming(library, tmp_path, caplog, name, content):
    remote = RemoteLibrary(str(tmp_path / "remote"))
    remote.push(library, library.keys())
    first, second, *others = sorted(library.keys())
    for bad in (first, second):
        path = tmp_path / "remote" / bad / name
        path.unlink() if content is None else path.write_bytes(content)
    other = ModelLibrary(tmp_path / "other")
    if content is None and name == "card.json":  # not a model yet: the card is sent last
        assert sorted(remote.pull(other)) == others
        return
    with pytest.raises(CheckpointError, match=f"^2 models .* {first}.* 2 others"):
        remote.pull(other)
    assert sorted(other.keys()) == others
    assert all(bad in caplog.text for bad in (first, second))
    assert not [path for path in other.folder.iterdir() if path.name.startswith(".")]


def test_altered_identities_do_not_come(library, tmp_path):
    remote = RemoteLibrary(str(tmp_path / "remote"))
    remote.push(library, library.keys())
    for path in (tmp_path / "remote" / "identities").iterdir():
        flip_byte(path)
    with pytest.raises(CheckpointError, match="hash"):
        remote.pull(ModelLibrary(tmp_path / "other"))


def test_a_damaged_model_is_not_sent(library, tmp_path):
    flip_byte(library.folder / library.keys()[0] / "weights.safetensors")
    with pytest.raises(CheckpointError, match="hash"):
        RemoteLibrary(str(tmp_path / "remote")).push(library, library.keys()[:1])
    assert not (tmp_path / "remote").exists()


@pytest.mark.parametrize("url", ["{}/nowhere", "memory://nowhere/at/all"])
def test_nothing_there(tmp_path, url):
    with pytest.raises(ValueError, match=re.escape(url.format(tmp_path))):
        RemoteLibrary(url.format(tmp_path)).pull(ModelLibrary(tmp_path / "library"))


def test_an_address_that_nothing_opens():
    with pytest.raises(ValueError, match="carrier-pigeon://coop"):
        RemoteLibrary("carrier-pigeon://coop")


def test_the_advice_for_hugging_face(monkeypatch):
    def missing(url):
        raise ImportError("Install huggingface_hub to access HfFileSystem")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(ValueError, match=r"pip install 'gnn-sim2real\[hub\]'"):
        RemoteLibrary("hf://someone/models")


def test_a_file_that_is_far_too_large_is_not_fetched(library, tmp_path, monkeypatch):
    remote = RemoteLibrary(str(tmp_path / "remote"))
    remote.push(library, library.keys())
    monkeypatch.setattr("gnn_sim2real.library.remote.MAX_FILE_SIZE", 5000)
    fetched = watch(monkeypatch, remote, "get_file")
    with pytest.raises(ValueError, match=r"weights\.safetensors.* \d+ bytes"):
        remote.pull(ModelLibrary(tmp_path / "other"))
    assert not [name for name in fetched if name.endswith("weights.safetensors")]


@pytest.mark.parametrize("name", ["find", "put_file", "get_file"])
def test_a_broken_network_is_an_error_with_its_address(library, tmp_path, monkeypatch, name):
    """File systems of a network raise exceptions of their own, such as botocore's EndpointConnectionError."""

    class EndpointConnectionError(Exception):
        pass

    def fail(*args, **settings):
        raise EndpointConnectionError("could not connect to the endpoint")

    remote = RemoteLibrary(f"{tmp_path}/remote")
    remote.push(library, library.keys()[:1])
    monkeypatch.setattr(remote._system, name, fail)
    with pytest.raises(ValueError, match=r"/remote .*\(.*\bendpoint\)"):
        remote.pull(ModelLibrary(tmp_path / "other")) if name == "get_file" else remote.push(library, library.keys())


@contextmanager
def http_server(folder, **answers):
    """A server of a folder; `answers` replace what it says of files by the ends of their names."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            for end, answer in answers.items():
                if self.path.endswith(end):
                    answer(self)
                    return
            super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def endless(handler):
    """More than anyone asked for."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        for _ in range(40):
            handler.wfile.write(bytes(2**20))


def silent(handler):
    """Nothing at all, for a while."""
    sleep(1.5)


def test_from_a_server_that_tells_no_sizes(library, tmp_path):
    with http_server(library.folder) as url:
        other = ModelLibrary(tmp_path / "other")
        assert sorted(RemoteLibrary(url).pull(other)) == sorted(library.keys())
    assert other.verify(strict=True) == {}
    with pytest.raises(ValueError, match=re.escape(url)):
        RemoteLibrary(url).pull(other)


@pytest.mark.parametrize(("answer", "values"), [(endless, r"\b16,777,216\b"), (silent, r"\b0\.5 s\b")])
def test_a_server_that_never_ends_or_never_begins(library, tmp_path, monkeypatch, answer, values):
    monkeypatch.setattr("gnn_sim2real.library.remote._SILENCE", 0.5)
    with http_server(library.folder, yaml=answer) as url:
        other = ModelLibrary(tmp_path / "other")
        with pytest.raises(ValueError, match=values):
            RemoteLibrary(url).pull(other)
    assert other.keys() == []


def page(content, status=200, **headers):
    """An answer with this content and these headers."""

    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(content)

    return answer


def links(*names):
    return page("".join(f'<a href="{name}">x</a>' for name in names).encode())


def steady(handler):
    """A byte now and then, without end."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    with suppress(OSError):
        for _ in range(40):
            handler.wfile.write(b" ")
            sleep(0.1)


HOSTILE_LISTS = {
    "endless": (endless, "16,777,216 bytes"),
    "steady": (steady, r"\btime\b"),
    "packed": (page(gzip.compress(bytes(2**28)), Content_Encoding="gzip"), r"\bmodel\b"),
    "folders in folders": (links("a/", "b/"), r"\bmodel\b"),
    "other places": (
        links("../../etc/passwd", "/etc/passwd", "http://127.0.0.1:1/card.json", "%00", "a" * 10**5),
        r"\bmodel\b",
    ),
    "not found": (page(b"gone", 404), r"\bmodel\b"),
    "broken": (page(b"<html>broken</html>", 500), "500"),
    "redirects to a file": (page(b"", 302, Location="file:///etc/passwd"), "file:///etc/passwd"),
    "redirects elsewhere": (
        page(b"", 302, Location="http://example.invalid/"),
        "http://example.invalid/",
    ),
    "redirects to another port": (
        page(b"", 302, Location="http://127.0.0.1:1/"),
        "http://127.0.0.1:1/",
    ),
    "redirects in a circle": (page(b"", 302, Location="/"), r"\bread\b"),
    "large header": (page(b"", X="a" * 2**20), r"\bread\b"),
}
"""What a server says of its folders, and a part of the error."""


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "values"), HOSTILE_LISTS.values(), ids=HOSTILE_LISTS)
def test_a_list_of_a_folder_that_nobody_can_use(tmp_path, monkeypatch, answer, values):
    monkeypatch.setattr("gnn_sim2real.library.remote._REQUEST", 2.0)
    with http_server(tmp_path, **{"/": answer}) as url, pytest.raises(ValueError, match=values):
        RemoteLibrary(url).pull(ModelLibrary(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


HOSTILE_FILES = {
    "not found": (page(b"gone", 404), "missing"),
    "broken": (page(b"broken", 500), "500"),
    "a page": (page(b"<html>log in</html>"), "damaged|hash"),
    "packed": (page(gzip.compress(bytes(2**28)), Content_Encoding="gzip"), "damaged|hash"),
    "cut": (page(b"{}", Content_Length="1000"), r"\bread\b"),
    "elsewhere": (page(b"", 302, Location="http://127.0.0.1:1/"), "http://127.0.0.1:1/"),
}
"""What a server gives for a file, and a part of the error."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["card.json", "weights.safetensors", "config.yaml"])
@pytest.mark.parametrize(("answer", "values"), HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_a_file_that_is_none(library, tmp_path, name, answer, values):
    other = ModelLibrary(tmp_path / "other")
    with http_server(library.folder, **{name: answer}) as url, pytest.raises(ValueError, match=values):
        RemoteLibrary(url).pull(other)
    assert not list(other.folder.iterdir())


def test_a_file_that_comes_with_another_size_is_told(library, tmp_path, monkeypatch):
    remote = RemoteLibrary(str(tmp_path / "remote"))
    remote.push(library, library.keys())
    sizes = remote._sizes()
    monkeypatch.setattr(remote, "_sizes", lambda: {name: size + 1 for name, size in sizes.items()})
    with pytest.raises(ValueError, match=rf"card\.json .*{sizes[f'{sorted(library.keys())[0]}/card.json'] + 1} bytes"):
        remote.pull(ModelLibrary(tmp_path / "other"))
