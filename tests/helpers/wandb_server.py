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
        if operation == "GetDefaultEntity":
            return {"viewer": {"id": "v", "entity": "us"}}
        if operation == "Runs":
            return {"project": self._runs(variables)}
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

    def _runs(self, variables):
        """A page of the runs of a project, as the public interface asks for them; None if there is no such project."""
        stored = self.server.projects.get(f"{variables['entity']}/{variables['project']}")
        if stored is None:
            return None
        first = int(variables["cursor"] or 0)
        page = stored[first : first + min(variables["perPage"], self.server.most_per_page)]
        edges = []
        for number, run in enumerate(page, start=first + 1):
            config = {name: {"value": value} for name, value in run["config"].items()}
            node = {"id": f"r{number}", "name": f"r{number}", "displayName": run["name"], "state": run["state"]}
            node |= {"config": json.dumps(config), "summaryMetrics": json.dumps(run["summary"]), "projectId": "1"}
            node |= dict.fromkeys(("sweepName", "group", "jobType", "systemMetrics", "historyKeys"))
            node |= {"user": {"name": "us", "username": "us"}, "tags": [], "historyLineCount": 0}
            edges.append({"node": node, "cursor": str(number)})
        more = {"hasNextPage": first + len(page) < len(stored), "endCursor": str(first + len(page))}
        counts = {"internalId": "1", "runCount": len(stored), "readOnly": False}
        return counts | {"runs": {"edges": edges, "pageInfo": more}}


@contextmanager
def wandb_server(status: int = 200) -> AbstractContextManager:
    """A server that remembers the `runs` with their settings, their `files` and their `exit_codes`.

    It tells the runs of `projects`, lists by `entity/project` of `name`, `state`, `config` and `summary`.

    Args:
        status: Status of every answer; 401 is of one that does not know the key.
    """
    with serving(_Answers, status=status, runs={}, files={}, exit_codes={}, projects={}, most_per_page=1000) as server:
        yield server
