"""A small load client: one thread and one kept connection per simulated browser, no pause between flows."""

import http.client
import itertools
import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scripts.bench.flows import Answer, Flow


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of some seconds gave. Times in seconds."""

    times: tuple[float, ...]
    seconds: float

    @property
    def count(self) -> int:
        return len(self.times)

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    def percentile(self, share: float) -> float:
        """The time that this share of the flows did not exceed (nearest rank)."""
        return sorted(self.times)[max(0, math.ceil(share * self.count) - 1)]


class Connection:
    """A `Caller` over one HTTP/1.1 connection, opened again when the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=30)

    def __call__(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json"} if data else {}
        self._http.request(method, path, body=data, headers={**sent, **(headers or {})})
        response = self._http.getresponse()
        return Answer(response.status, response.read())

    def close(self) -> None:
        self._http.close()


def run(flow: Flow, *, url: str, connections: int, seconds: float, numbers: Iterator[int]) -> Load:
    """Repeat the flow on so many connections for so long. Raises what a flow raised."""
    times: list[list[float]] = [[] for _ in range(connections)]
    errors: list[BaseException] = []
    lock = threading.Lock()
    begin = threading.Barrier(connections + 1)
    fixed = next(numbers)

    def browse(own: list[float]) -> None:
        connection = Connection(url)
        try:
            begin.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end and not errors:
                with lock:
                    number = next(numbers) if flow.fresh else fixed
                began = time.perf_counter()
                flow.run(connection, number)
                own.append(time.perf_counter() - began)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=browse, args=(own,)) for own in times]
    for thread in threads:
        thread.start()
    begin.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return Load(tuple(itertools.chain.from_iterable(times)), time.perf_counter() - began)
