"""Runs the batch scripts of `configs/slurm` on a real SLURM, which it starts on this machine for as long as it takes.

    python tests/slurm.py

It needs `slurmctld`, `slurmd` and `munged` (Debian: `apt-get install slurm-wlm munge`) and says so where they are
missing. Exit status 1 if a study or a training of a job differs from an undisturbed one.
"""

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from commands import ROOT, surroundings, write_command
from stopped import final_weights, write_pretraining
from studies import compute, num_records, results, write_study

DAEMONS = ("munged", "slurmctld", "slurmd")
SCRIPTS = ROOT / "configs/slurm"
ONE_CPU = "--cpus-per-task=1"
PATIENCE = 1800  # s for one job, beside other work as well
GRACE = 30.0  # s to end
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=5
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A SLURM of one machine; the environment in which its commands work."""
    with ExitStack() as ports, ExitStack() as daemons:
        sockets = [ports.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        numbers = [each.getsockname()[1] for each in sockets]
        ports.close()
        for name in ("state", "spool"):
            (folder / name).mkdir()
        values = {"folder": folder, "user": getpass.getuser(), "host": socket.gethostname().partition(".")[0]}
        (folder / "slurm.conf").write_text(CONFIGURATION.format(**values, ports=numbers, cpus=os.cpu_count()))
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        munge = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid"}
        munge |= {"seed-file": "munge.seed", "log-file": "munge.log"}
        options = {
            "munged": ["--foreground", "--force", *(f"--{name}={folder / file}" for name, file in munge.items())],
            "slurmctld": ["-D", "-f", str(folder / "slurm.conf")],
            "slurmd": ["-D", "-f", str(folder / "slurm.conf")],
        }
        for name, words in options.items():
            log = daemons.enter_context((folder / f"{name}.log").open("w"))
            command = [str(shutil.which(name, path=_path())), *words]
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
            daemons.callback(end, daemon)
            if name == "munged":
                wait_until((folder / "munge.socket").exists, "munged does not start")
        program = f"#!{sys.executable}\nfrom ray.scripts.scripts import main\nraise SystemExit(main())\n"
        write_command(folder / "commands", "ray", program)
        known = surroundings(folder / "commands") | {"SLURM_CONF": str(folder / "slurm.conf"), "HOME": str(folder)}
        known["RAY_worker_niceness"] = "0"  # Ray's 15 would leave its workers nothing on a busy machine
        daemons.callback(end_jobs, known)
        wait_until(lambda: "idle" in say(known, "sinfo", "-h", "-o", "%t"), "slurmd does not start")
        yield known


def end(daemon: subprocess.Popen) -> None:
    """End a daemon, which may not listen."""
    daemon.terminate()
    try:
        daemon.wait(GRACE)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def end_jobs(known: dict[str, str]) -> None:
    """End what runs where something went wrong: jobs outlive the daemons."""
    if say(known, "squeue", "-h"):
        say(known, "scancel", "--signal=KILL", "--full", "--user", getpass.getuser())
        say(known, "scancel", "--user", getpass.getuser())
        with suppress(TimeoutError):
            wait_until(lambda: not say(known, "squeue", "-h"), "jobs do not end", GRACE)


def _path() -> str:
    return f"{os.environ['PATH']}{os.pathsep}/usr/sbin"


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Look again and again until it is so.

    Raises:
        TimeoutError: If it takes too long.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.3)


def say(known: dict[str, str], *words: object, where: Path | None = None) -> str:
    """What a command prints; empty if it fails."""
    command = [str(word) for word in words]
    done = subprocess.run(command, env=known, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
    return done.stdout.strip() if not done.returncode else ""


def submit(known: dict[str, str], where: Path, *words: object) -> str:
    """Number of a new job."""
    return say(known, "sbatch", "--parsable", "--time=30", *words, where=where)


def wait_for(known: dict[str, str], job: str) -> None:
    """Wait until no part of a job waits or runs."""
    wait_until(lambda: not say(known, "squeue", "-h", "-j", job, "-t", "PD,R,CG,RQ"), f"job {job} does not end")


def main() -> int:
    """The jobs, one after the other; exit status 1 if the result of one is wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and end the daemons
    missing = [name for name in DAEMONS if shutil.which(name, path=_path()) is None]
    if missing:
        sys.stdout.write(f"not run: there is no {', '.join(missing)} here\n")
        return 0
    with tempfile.TemporaryDirectory() as name, slurm(Path(name)) as known:
        right = [*run_studies(known, Path(name) / "studies"), *run_trainings(known, Path(name) / "trainings")]
        return int(not all(right))


def run_studies(known: dict[str, str], folder: Path) -> Iterator[bool]:
    """A study as a job array, one that is requeued, one that is cancelled and submitted again, two tasks, and Ray."""
    folder.mkdir()
    write_study(folder)
    compute(folder)
    whole = results(folder / "out")

    def run(what: str, *words: str, script: str = "array", disturb: str = "") -> bool:
        output = folder / what.replace(" ", "_")
        words = (*words, str(SCRIPTS / f"{script}.sbatch"), str(folder / "study.yaml"), "--output", str(output))
        job = submit(known, folder, *words)
        if disturb:
            wait_until(lambda: num_records(output) >= 2, "nothing is computed")
            say(known, *disturb.split(), job)
        wait_for(known, job)
        if "scancel" in disturb:
            wait_for(known, submit(known, folder, *words))
        return report(what, results(output) == whole, folder)

    yield run("array of two jobs", "--array=1-2", ONE_CPU)
    yield run("requeued array", "--array=1-2", ONE_CPU, disturb="scontrol requeue")
    yield run("cancelled array", "--array=1-2", ONE_CPU, disturb="scancel")
    yield run("job with two tasks", "--array=1-1", ONE_CPU, "--ntasks=2")
    yield run("Ray", "--nodes=1", ONE_CPU, script="ray")


def run_trainings(known: dict[str, str], folder: Path) -> Iterator[bool]:
    """A training that is told of its time limit, one that is requeued, one that is cancelled, and one in two tasks."""

    def prepare(what: str, *callbacks: dict[str, object]) -> tuple[Path, list[str]]:
        own = folder / what
        own.mkdir(parents=True)
        return own, ["-c", str(write_pretraining(own, *callbacks)), "--library", "null"]

    def is_same(own: Path) -> bool:
        found = final_weights(own)
        return all(bool((found[name] == weights[name]).all()) for name in weights)

    def stop(own: Path, words: list[str], command: str) -> str:
        job = submit(known, own, ONE_CPU, SCRIPTS / "fit.sbatch", *words)
        wait_until((own / "waiting").exists, f"job {job} trains nothing")
        say(known, *command.split(), job)
        (own / "go").touch()
        wait_for(known, job)
        return (own / f"fit-{job}.log").read_text()

    own, words = prepare("undisturbed")
    say(known, "gnn-sim2real", "fit", *words, where=own)
    weights, rows = final_weights(own), json.loads((own / "seen/0.json").read_text())["train"]

    ways = {"time_limit": "scancel --signal=USR1", "requeued": "scontrol requeue", "cancelled": "scancel"}
    for what, command in ways.items():
        own = folder / what
        own, words = prepare(what, {"class_path": "stopped.Waits", "init_args": {"batch": 5, "folder": str(own)}})
        said = stop(own, words, command)
        (path,) = re.findall(r"^stopped; .*`--ckpt_path (\S+)`", said, re.MULTILINE)
        if what == "cancelled":
            wait_for(known, submit(known, own, ONE_CPU, SCRIPTS / "fit.sbatch", *words, "--ckpt_path", path))
        yield report(f"training, {what}", is_same(own), own)

    own, words = prepare("two_tasks")
    words += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    wait_for(known, submit(known, own, "--ntasks-per-node=2", ONE_CPU, SCRIPTS / "fit.sbatch", *words))
    shares = [json.loads((own / f"seen/{rank}.json").read_text())["train"] for rank in (0, 1)]
    yield report("training in two tasks", [[*a, *b] for a, b in zip(*shares, strict=True)] == rows, own)


def report(what: str, is_right: bool, folder: Path) -> bool:
    """Say how it went, with what the jobs printed where it went wrong."""
    sys.stdout.write(f"{what}: {'as undisturbed' if is_right else 'WRONG'}\n")
    if not is_right:
        for log in folder.glob("*.log"):
            sys.stdout.write(f"--- {log.name}\n{log.read_text()}\n")
    return is_right


if __name__ == "__main__":
    raise SystemExit(main())
