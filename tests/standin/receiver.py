"""A webhook target that keeps what it gets and answers what the test tells it to."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe


class Receiver:
    def __init__(self, secret):
        self.secret = secret
        self.answers = []  # statuses for the next deliveries; 200 after that
        self.received = []  # (body, signature header)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook/"

    def events(self):
        """What came in, each checked by the SDK against the secret."""
        return [stripe.Webhook.construct_event(body, header, self.secret) for body, header in list(self.received)]

    def types(self):
        return [event.type for event in self.events()]

    def wait_for(self, count, seconds=5):
        end = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.types()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((body, self.headers["Stripe-Signature"]))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Quiet."""

        return Handler
