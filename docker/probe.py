"""Asks the gateway's console whether it is `live` or `ready`: exit code 0 for yes, 1 for no, with the reasons that it told.

For health checks within the container, which has no curl: `probe.py ready`. `GATEWAY_CONSOLE` names another address than
`127.0.0.1:9090`. It imports nothing but a socket, since it is started every few seconds.
"""

import os
import socket
import sys

host, _, port = os.environ.get("GATEWAY_CONSOLE", "127.0.0.1:9090").rpartition(":")
page = sys.argv[1] if len(sys.argv) == 2 else "ready"
try:
    with socket.create_connection((host.strip("[]"), int(port)), timeout=3) as console:
        console.sendall(f"GET /{page} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = console.makefile("rb").read()
except OSError as error:
    sys.exit(f"no console at {host}:{port}: {(error.strerror or 'no answer').lower()}; gateway.yaml needs `console:`")
head, _, body = answer.partition(b"\r\n\r\n")
sys.stdout.write(body.decode(errors="replace"))
sys.exit(0 if head.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")) else 1)
