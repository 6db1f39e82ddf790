"""A small Hugging Face Hub on this machine: one repository of models that takes commits and gives its files."""

import base64
import hashlib
import json
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from loopback import Quiet, serving


class _Hub(Quiet):
    def do_GET(self):  # noqa: N802  (the name that http.server calls)
        self.give(with_body=True)

    def do_HEAD(self):  # noqa: N802  (the name that http.server calls)
        self.give(with_body=False)

    def give(self, with_body):
        server, path = self.server, unquote(urlsplit(self.path).path)
        server.requests.append(path)
        api, files = f"/api/models/{server.repository}", f"/{server.repository}/resolve/main/"
        if path in (api, f"{api}/revision/main"):
            self.send(200, {"id": server.repository, "sha": server.sha, "siblings": []})
        elif path.startswith(f"{api}/tree/main"):
            self.send(200, self.tree(path.removeprefix(f"{api}/tree/main").strip("/"), "recursive=" in self.path))
        elif path.startswith(files) and path.removeprefix(files) in server.files:
            content = server.files[path.removeprefix(files)]
            named = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": server.sha}
            self.send(200, content if with_body else b"", None if with_body else len(content), **named)
        else:
            code = "EntryNotFound" if f"/{server.repository}/" in path else "RepoNotFound"
            self.send(404, {"error": "not found"}, X_Error_Code=code)

    def tree(self, folder, whole):
        """What the API says of the files, and of the folders they are in."""
        found = {}
        for name, content in self.server.files.items():
            if folder and not name.startswith(f"{folder}/"):
                continue
            below = name[len(folder) :].strip("/").split("/")
            for depth in range(1, len(below) if whole else min(len(below), 2)):
                path = "/".join([*([folder] if folder else []), *below[:depth]])
                found[path] = {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}
            if whole or len(below) == 1:
                oid = hashlib.sha256(content).hexdigest()
                found[name] = {"type": "file", "path": name, "oid": oid, "size": len(content)}
        return list(found.values())

    def do_POST(self):  # noqa: N802  (the name that http.server calls)
        server, path = self.server, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if path.endswith("/preupload/main"):
            asked = json.loads(body)["files"]
            named = [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in asked]
            self.send(200, {"files": named})
        elif path.endswith("/commit/main"):
            server.commits += 1
            if server.commits == server.fails_at:
                self.send(429, {"error": "You have exceeded the rate limit of commits"})
                return
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            server.sha = f"{server.commits:040x}"
            url = f"{server.url}/{server.repository}/commit/{server.sha}"
            self.send(200, {"commitUrl": url, "commitOid": server.sha, "success": True})
        else:
            self.send(404, {"error": "not found"})


@contextmanager
def small_hub(repository, fails_at=0):
    """A Hub with one repository; the commit of that number is refused."""
    facts = {"repository": repository, "files": {}, "commits": 0, "sha": "0" * 40, "fails_at": fails_at}
    with serving(_Hub, **facts) as server:
        yield server
