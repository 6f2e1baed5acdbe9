"""A TCP proxy in front of a server that others use, too: killing the proxy is this run's own outage.

python -m scripts.chaos.proxy 5673 127.0.0.1 5672
"""

import socket
import sys
import threading
from contextlib import suppress


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until either side ends, then end both."""
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def serve(port: int, host: str, target_port: int) -> None:
    """Never returns."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection((host, target_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
