"""Gunicorn's configuration: threads, because a request mostly waits for the database.

Environment: BIND or PORT, WEB_CONCURRENCY (processes), WEB_THREADS (per process), WEB_MAX_REQUESTS.
Processes times threads is the number of database connections; keep it under what the server allows.
"""

import os
from pathlib import Path

bind = os.environ.get("BIND") or f"0.0.0.0:{os.environ.get('PORT') or '8000'}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = int(os.environ.get("WEB_THREADS") or 4)

# Longer than any bounded wait of ours (statements 15 s, Stripe 10 s), as long as Nginx waits.
timeout = 30
# Below the 30 s that orchestrators give between TERM and KILL.
graceful_timeout = 25
# Above Nginx's own, so that Nginx is the one who closes an idle connection.
keepalive = 75

# Slow leaks end with the process; the jitter keeps workers from restarting together.
max_requests = int(os.environ.get("WEB_MAX_REQUESTS") or 10_000)
max_requests_jitter = max_requests // 10

# Each worker loads the code itself, so that HUP picks up a new release. `make run` prefers a fast start.
preload_app = os.environ.get("WEB_PRELOAD") == "1"
# Its default place is under the home directory, which a read-only container does not have.
control_socket_disable = True
# The heartbeat file on a disk can block a worker; this is memory on Linux.
MEMORY = Path("/dev/shm")  # noqa: S108 - a file without a name, opened by Gunicorn itself
worker_tmp_dir = str(MEMORY) if MEMORY.is_dir() else None

# The application logs every request itself, with its correlation id.
accesslog = None
errorlog = "-"
loglevel = os.environ.get("WEB_LOG_LEVEL") or "warning"
# Nginx is the only one that reaches this port in production and it sets the header itself.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS") or "127.0.0.1"
