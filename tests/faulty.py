"""A server in between that passes requests on, and has the faults a test gives it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

Fault = Callable[[int, str, str], str]
"""Given number, method and path of a request, counted from 0: what becomes of it.

`pass`: it is answered. `die`: the connection breaks at once. `lose`: it is done, and the answer is
lost. `swallow`: it is answered as if it had been done. `slow`: it is answered 0.2 s later.
"""


class Between(ThreadingHTTPServer):
    """Passes on what comes to `url`; set `fault` at any time, which starts the count anew."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.Lock()
        self.seen: list[str] = []
        self.fault: Fault = lambda *_: "pass"

    def have(self, fault: Fault) -> None:
        self.fault, self.seen = fault, []


class _Handler(BaseHTTPRequestHandler):
    server: Between

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        with self.server.lock:
            fault = self.server.fault(len(self.server.seen), self.command, self.path)
            self.server.seen.append(f"{self.command} {self.path.partition('?')[0]}")
        body = self._body()
        if fault == "slow":
            time.sleep(0.2)
        if fault == "die":
            self.close_connection = True
            return
        if fault == "swallow":
            self._reply(200, b"{}", "application/json")
            return
        headers = {key: self.headers[key] for key in ("Content-Type",) if key in self.headers}
        found = requests.request(
            self.command, self.server.target + self.path, data=body, headers=headers, timeout=30
        )
        if fault == "lose":
            self.close_connection = True
            return
        self._reply(found.status_code, found.content, found.headers.get("Content-Type", ""))

    def _body(self) -> bytes:
        """Read the body whole, chunks included: an upload has no length."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815


@contextmanager
def between(target: str) -> Iterator[Between]:
    """Run such a server in front of another one."""
    server = Between(target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
