"""A backend for docker/compose.yaml: takes everything by HTTPS, and prints what arrived, as it arrived.

Certificate and key come from the folder that is its one argument.
"""

import gzip
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        sys.stdout.write(f"{self.command} {self.path} {body.decode(errors='replace')}\n")
        sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        pass


folder = Path(sys.argv[1])
server = ThreadingHTTPServer(("0.0.0.0", 9443), Backend)  # noqa: S104 - on the network of its container
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(folder / "gateway.pem", folder / "gateway.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
