"""Serve raw files as `raw.githubusercontent.com` does, from a folder of them: `raw_files.py DATA PORT_FILE`."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class RawFiles(BaseHTTPRequestHandler):
    """Files by OWNER/NAME/COMMIT/PATH, which lie at upstream/OWNER__NAME/COMMIT12/PATH."""

    def do_GET(self):
        owner, name, commit, path = unquote(self.path).lstrip("/").split("/", 3)
        file = Path(sys.argv[1]) / "upstream" / f"{owner}__{name}" / commit[:12] / path
        if not file.is_file():
            self.send_error(404)
            return
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing of it is shown."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), RawFiles)
    Path(sys.argv[2]).write_text(str(server.server_address[1]))
    server.serve_forever()
