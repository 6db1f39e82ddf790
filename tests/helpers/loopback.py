"""Servers on this machine: a small one that speaks OPTIMADE, a real one, and a proxy that misbehaves."""

import importlib.util
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
import requests

ELEMENTS = ("Li", "Na", "K", "Mg", "Al", "Si", "Ti", "Fe", "O", "S", "F", "Cl")


def entry(number, **attributes):
    """An ordered crystal of two to five sites; the band gap is its number."""
    rng = np.random.default_rng(number)
    symbols = [ELEMENTS[index] for index in rng.integers(0, len(ELEMENTS), rng.integers(2, 6))]
    cell = np.diag(rng.uniform(4, 6, 3)) + rng.uniform(-0.3, 0.3, (3, 3))
    sites = (np.arange(len(symbols))[:, None] + rng.uniform(0, 0.4, (len(symbols), 3))) / len(symbols)
    return {
        "id": f"test-{number}",
        "type": "structures",
        "attributes": {
            "lattice_vectors": cell.tolist(),
            "cartesian_site_positions": (sites @ cell).tolist(),
            "species": [
                {"name": each, "chemical_symbols": [each], "concentration": [1.0]} for each in sorted(set(symbols))
            ],
            "species_at_sites": symbols,
            "nsites": len(symbols),
            "dimension_types": [1, 1, 1],
            "structure_features": [],
            "last_modified": "2026-01-01T00:00:00Z",
            "_test_band_gap": float(number),
            "_test_deep": {"gga": {"energy": -float(number)}},
        }
        | attributes,
    }


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def send(self, status, body, announced=None, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        if announced is not None:
            self.close_connection = True


class _Entries(Quiet):
    """What an OPTIMADE server does with `page_limit` and `page_offset`; filters are not read."""

    def do_GET(self):
        server, parts = self.server, urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        server.requests.append(self.path)
        if parts.path.endswith("/info/structures"):
            properties = {name: {"unit": unit} for name, unit in server.units.items()}
            self.send(200, {"data": {"properties": properties}, "meta": {"api_version": "1.2.0"}})
            return
        if "nonsense" in asked.get("filter", ""):
            self.send(400, {"errors": [{"status": "400", "title": "Bad Request", "detail": "I do not know nonsense."}]})
            return
        start, limit = int(asked.get("page_offset", 0)), min(int(asked["page_limit"]), server.most)
        data = server.entries[start : start + limit]
        more = start + limit < len(server.entries)
        query = urlencode(asked | {"page_offset": start + limit})
        link = f"http://{self.headers['Host']}{parts.path}?{query}" if more else None
        meta = {"more_data_available": more, "data_returned": server.counted or len(server.entries)}
        self.send(200, {"data": data, "meta": meta, "links": {"next": link}})


@contextmanager
def serving(handler, **facts):
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests, server.daemon_threads = [], True
        for name, value in facts.items():
            setattr(server, name, value)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def small_optimade(entries, most=1000, counted=None):
    """A server of these entries that gives at most `most` on a page and says that it has `counted`."""
    units = {"_test_band_gap": "eV", "_test_deep": None, "nsites": None}
    with serving(_Entries, entries=entries, most=most, counted=counted, units=units) as server:
        yield server


FAULTS = ("busy", "limit", "broken", "cut", "cut_text", "short", "again", "slow", "html", "no_link")


class _Misbehaving(Quiet):
    """Forwards requests for pages, and spoils some: each address at most `patience` times."""

    def do_GET(self):
        server = self.server
        answer = requests.get(server.upstream + self.path, headers={"Host": self.headers["Host"]}, timeout=60)
        status, body = answer.status_code, answer.content
        spoiled = server.spoiled[self.path]
        fault = None
        if "/structures" in self.path and "/info" not in self.path and spoiled < server.patience:
            fault = server.rng.choice(server.faults)
        if fault is not None:
            server.spoiled[self.path] += 1
            server.done[fault] += 1
            self.spoil(fault, status, body)
            return
        server.before = body
        self.send(status, body)

    def spoil(self, fault, status, body):
        content = json.loads(body)
        busy = {"errors": [{"title": "Service Unavailable", "detail": "too many visitors"}]}
        half = content.get("data", [])[: len(content.get("data", [])) // 2]
        if fault == "slow":
            time.sleep(0.8)
        sent, settings = {
            "busy": ((503, busy), {}),
            "limit": ((429, b"slow down"), {"Retry_After": "2"}),
            "broken": ((500, b"Internal Server Error"), {}),
            "cut": ((status, body[: len(body) // 2]), {"announced": len(body)}),
            "cut_text": ((status, body[: len(body) // 2]), {}),
            "short": ((status, content | {"data": half}), {}),
            "again": ((status, self.server.before or b"{}"), {}),
            "slow": ((status, body), {}),
            "html": ((200, b"<html>Welcome to the proxy</html>"), {}),
            "no_link": ((status, content | {"links": {"next": None}}), {}),
        }[fault]
        self.send(*sent, **settings)


@contextmanager
def misbehaving_proxy(upstream, faults=FAULTS, patience=3, seed=0):
    """A proxy in front of `upstream`; `done` counts its faults."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    facts = {"rng": rng, "spoiled": Counter(), "done": Counter(), "before": b""}
    with serving(_Misbehaving, upstream=upstream, faults=faults, patience=patience, **facts) as server:
        yield server


def optimade_python():
    """The Python that has `optimade[server]`: this one, or the one that GNN_SIM2REAL_OPTIMADE_PYTHON names."""
    if named := os.environ.get("GNN_SIM2REAL_OPTIMADE_PYTHON"):
        return named
    if all(importlib.util.find_spec(name) for name in ("optimade", "uvicorn", "mongomock")):
        return sys.executable
    pytest.skip(
        "optimade[server] is not installed: pip install 'gnn-sim2real[optimade-server]', or name a Python that "
        "has it in GNN_SIM2REAL_OPTIMADE_PYTHON"
    )
    return None


@contextmanager
def real_optimade(folder, **settings):
    """The reference server of the OPTIMADE consortium, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    environment |= {"OPTIMADE_DATABASE_BACKEND": "mongomock"} | settings
    words = [optimade_python(), "-m", "uvicorn", "optimade.server.main:app", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                requests.get(f"{url}/v1/info", timeout=60)
                break
            except requests.ConnectionError:
                if process.poll() is not None:
                    raise RuntimeError((folder / "server.log").read_text()) from None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)
