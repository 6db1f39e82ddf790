"""A server on this machine that answers what W&B's client asks for a run, as far as a study needs it."""

import json
import re
from contextlib import AbstractContextManager, contextmanager

from loopback import Quiet, serving


class _Answers(Quiet):
    """GraphQL answers by the name of the operation; rows of history and summaries from the stream of files."""

    def do_POST(self):  # noqa: N802  (the name that http.server calls)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.status != 200:
            self.send(self.server.status, {"errors": [{"message": "invalid key"}]})
        elif self.path == "/graphql":
            asked = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])[1]
            self.server.requests.append(operation)
            self.send(200, {"data": self._data(operation, asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            run, content = self.path.split("/")[-2], json.loads(body)
            for name, file in (content.get("files") or {}).items():
                rows = self.server.files.setdefault(run, {}).setdefault(name, [])
                rows += [json.loads(line) for line in file["content"] if line.startswith("{")]
            if content.get("complete"):
                self.server.exit_codes.setdefault(run, []).append(content["exitcode"])
            self.send(200, {})
        else:
            self.server.requests.append(self.path)
            self.send(200, {})

    do_GET = do_PUT = do_POST  # noqa: N815  (the same)

    def _data(self, operation, variables):  # noqa: PLR0911  (one for each operation)
        project = {"id": "p", "name": variables.get("project"), "entity": {"id": "e", "name": "us"}}
        if operation == "Viewer":
            teams = {"edges": []}
            return {"viewer": {"id": "v", "entity": "us", "username": "us", "email": "", "flags": "{}", "teams": teams}}
        if operation == "UpsertBucket":
            name = variables["name"]
            new = name not in self.server.runs
            run = self.server.runs.setdefault(name, {})
            run |= {key: value for key, value in variables.items() if value is not None}
            bucket = {"id": name, "name": name, "displayName": run.get("displayName"), "project": project}
            bucket |= {"description": None, "config": run.get("config"), "sweepName": None, "historyLineCount": 0}
            return {"upsertBucket": {"bucket": bucket, "inserted": new}}
        if operation == "RunResumeStatus":
            return {"model": project | {"bucket": None}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.server.url}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}
        if operation == "ArtifactType":
            return {"project": {"artifact": None}}
        if operation == "CreateArtifact":  # as of one that is there already, so that no file is sent
            sequence = {"id": "s", "latestArtifact": {"id": "a", "versionIndex": 0}}
            return {"createArtifact": {"artifact": {"id": "a", "state": "COMMITTED", "artifactSequence": sequence}}}
        return {}


@contextmanager
def wandb_server(status: int = 200) -> AbstractContextManager:
    """A server that remembers the `runs` with their settings, their `files` and their `exit_codes`.

    Args:
        status: Status of every answer; 401 is of one that does not know the key.
    """
    with serving(_Answers, status=status, runs={}, files={}, exit_codes={}) as server:
        yield server
