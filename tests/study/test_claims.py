"""Who computes what: one at a time, and nobody who is dead."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from processes import wait_until

from gnn_sim2real.launchers import claims as claims_module
from gnn_sim2real.launchers.claims import PATIENCE, Claims


@pytest.fixture
def claims(tmp_path):
    return Claims(tmp_path / "claims")


def leave_behind(claims, key, host, process, silent=0.0):
    """A claim of a process that ended without a word, or runs elsewhere."""
    claims.folder.mkdir(exist_ok=True)
    path = claims.folder / f"{key}.json"
    path.write_text(json.dumps({"host": host, "process": process, "since": time.time()}))
    os.utime(path, (time.time() - silent,) * 2)
    return path


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_who_runs_is_read_in_a_folder_that_cannot_be_written(claims, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, "not to be written")

    leave_behind(claims, "a", "elsewhere", 1)
    leave_behind(claims, "b", "elsewhere", 1, silent=2 * PATIENCE)
    monkeypatch.setattr(claims_module.tempfile, "NamedTemporaryFile", refuse)
    assert [claim.key for claim in claims.running()] == ["a"]
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert Claims(claims.folder.with_name("none")).running() == []


def test_one_holds_a_job_and_lets_it_go(claims):
    other = Claims(claims.folder)
    with claims.hold("a") as first, other.hold("a") as second, other.hold("b") as third:
        assert (first, second, third) == (True, False, True)
        assert {claim.key for claim in claims.running()} == {"a", "b"}
    with other.hold("a") as again:
        assert again
    assert claims.running() == []
    assert not list(claims.folder.iterdir())


def test_let_go_after_an_error(claims):
    with pytest.raises(KeyboardInterrupt), claims.hold("a"):
        raise KeyboardInterrupt
    assert claims.running() == []


def test_of_many_one_gets_it(claims):
    def attempt(_):
        with Claims(claims.folder).hold("a") as held:
            time.sleep(0.2 if held else 0)
            return held

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


def test_a_claim_that_comes_between_the_look_and_the_creation_is_left_alone(claims, monkeypatch):
    with claims.hold("a") as first:
        monkeypatch.setattr(Path, "exists", lambda path: False)
        with Claims(claims.folder).hold("a") as second:
            assert (first, second) == (True, False)
        assert [claim.key for claim in claims.running()] == ["a"]


def test_of_many_one_takes_over_from_the_dead(claims):
    for key in "abcdefgh":
        leave_behind(claims, key, socket.gethostname(), dead_process())

    def attempt(key):
        with Claims(claims.folder).hold(key) as held:
            time.sleep(0.2 if held else 0)
            return held

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, "abcdefgh" * 8)) <= 8
        assert sum(pool.map(attempt, "abcdefgh")) == 8


@pytest.mark.parametrize(
    ("host", "alive", "silent", "is_taken_over"),
    [
        ("here", False, 0, True),
        ("here", True, 0, False),
        ("here", True, PATIENCE + 60, True),  # the number is of another process by now, or it hangs
        ("elsewhere", False, 0, False),
        ("elsewhere", False, PATIENCE - 30, False),
        ("elsewhere", False, PATIENCE + 60, True),
    ],
)
def test_when_a_claim_is_given_up(claims, host, alive, silent, is_taken_over):
    process = os.getppid() if alive else dead_process()
    leave_behind(claims, "a", socket.gethostname() if host == "here" else "another-machine", process, silent)
    assert len(claims.running()) == int(not is_taken_over)
    with claims.hold("a") as held:
        assert held == is_taken_over


@pytest.mark.parametrize("ahead", [PATIENCE + 60, 10 * 365 * 86400])
def test_a_sign_of_life_from_the_future_is_none(claims, ahead):
    leave_behind(claims, "a", "another-machine", 1, -ahead)
    assert claims.running() == []
    with claims.hold("a") as held:
        assert held


def test_a_later_process_with_the_number_did_not_make_the_claim(claims):
    path = leave_behind(claims, "a", socket.gethostname(), os.getpid())
    assert len(claims.running()) == 1
    path.write_text(json.dumps(json.loads(path.read_text()) | {"since": 1e9}))
    assert claims.running() == []


@pytest.mark.parametrize("process", [-1, 10**30])
def test_a_number_that_no_process_has(claims, process):
    leave_behind(claims, "a", socket.gethostname(), process)
    with claims.hold("a") as held:
        assert held


def test_a_process_that_ended_and_was_not_waited_for_is_dead(claims):
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        process.stdout.read()
        leave_behind(claims, "a", socket.gethostname(), process.pid)
        wait_until(lambda: not claims.running(), "a zombie counts as running")


def test_looking_at_a_process_sends_it_nothing(claims, monkeypatch):
    """On Windows `os.kill(pid, 0)` is Ctrl-C."""
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    leave_behind(claims, "a", socket.gethostname(), os.getpid())
    assert len(claims.running()) == 1


def test_what_killed_processes_left_is_swept_away(claims):
    dead = leave_behind(claims, "a", socket.gethostname(), dead_process())
    elsewhere = leave_behind(claims, "b", "another-machine", 1)
    own = leave_behind(claims, "c", socket.gethostname(), os.getpid())
    old, new = claims.folder / ".clock-old", claims.folder / ".clock-new"
    grave = claims.folder / "d.0.dead"
    for path in (old, new, grave):
        path.touch()
    for path in (old, grave):
        os.utime(path, (time.time() - PATIENCE - 60,) * 2)
    claims.sweep()
    assert set(claims.folder.iterdir()) == {elsewhere, own, new}
    assert not dead.exists()


def test_a_claim_that_was_not_written_to_its_end(claims):
    path = leave_behind(claims, "a", "another-machine", 1)
    path.write_text("{")
    assert claims.running() == []
    with claims.hold("a") as held:
        assert not held, "it may be a process that is about to write it"
    os.utime(path, (time.time() - PATIENCE - 60,) * 2)
    with claims.hold("a") as held:
        assert held


def test_signs_of_life(claims, monkeypatch):
    monkeypatch.setattr(claims_module, "HEARTBEAT", 0.05)
    with claims.hold("a"):
        path = claims.folder / "a.json"
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime < time.time() - 60:
            assert time.monotonic() < deadline
            time.sleep(0.02)
