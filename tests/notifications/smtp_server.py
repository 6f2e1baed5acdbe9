"""A mail server small enough to read: enough SMTP for one client, with faults on request."""

import socketserver
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


class _Session(socketserver.StreamRequestHandler):
    server: "SmtpServer"

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            if not getattr(self, f"on_{verb.lower()}", self.on_other)(line):
                return

    def say(self, text: str) -> bool:
        self.wfile.write(f"{text}\r\n".encode())
        return True

    def on_other(self, line: str) -> bool:
        return self.say("250 ok")

    def on_rcpt(self, line: str) -> bool:
        return self.say(self.server.rcpt_answer)

    def on_data(self, line: str) -> bool:
        self.say("354 go on")
        content = b""
        while (part := self.rfile.readline()) != b".\r\n":
            content += part.removeprefix(b".") if part.startswith(b"..") else part
        self.server.mails.append(message_from_bytes(content, policy=default))
        return self.say("250 taken")

    def on_quit(self, line: str) -> bool:
        if self.server.drops_at_quit:
            return False
        self.say("221 bye")
        return False


class SmtpServer(socketserver.ThreadingTCPServer):
    """`with SmtpServer() as server:` listens on `server.port`; `mails` is what it has taken."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.port: int = self.server_address[1]
        self.mails: list[EmailMessage] = []
        self.rcpt_answer = "250 ok"
        self.drops_at_quit = False

    def __enter__(self) -> "SmtpServer":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *args: Any) -> None:
        self.shutdown()
        self.server_close()
