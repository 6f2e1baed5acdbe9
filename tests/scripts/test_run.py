import os
import signal
import socket
import sys
import time

import psutil
import pytest

from scripts import run
from scripts.supervisor import ChildError, Supervisor

SERVICE_VARIABLES = ("DATABASE_URL", "CACHE_URL", "CELERY_BROKER_URL", "PORT", "STRIPE_STANDIN_PORT")
PAYPAL_VARIABLES = ("PAYPAL_CLIENT_ID", "PAYPAL_API_BASE", "PAYPAL_STANDIN_PORT")
STRIPE_VARIABLES = ("STRIPE_SECRET_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET", "PUBLIC_URL")


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    for name in (*SERVICE_VARIABLES, *STRIPE_VARIABLES, *PAYPAL_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(run, "PROJECT", tmp_path)
    monkeypatch.setattr(run, "LOCAL", tmp_path / ".local")


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(folder=tmp_path, environment=dict(os.environ))
    yield made
    made.kill()


def python(code):
    return [sys.executable, "-u", "-c", code]


def is_gone(pid):
    """A killed orphan may stay a zombie until the first process of the system reaps it."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_with_nothing_configured_the_stand_in_plays_stripe_on_the_next_port():
    plan = run.read_plan()

    assert (plan.url, plan.standin, plan.standin_url) == ("http://127.0.0.1:8000", True, "http://127.0.0.1:8001")
    assert plan.environment["STRIPE_API_BASE"] == "http://127.0.0.1:8001"
    assert plan.environment["STRIPE_SECRET_KEY"] == "sk_test_tradepost_local"
    assert plan.environment["STRIPE_WEBHOOK_SECRET"] == "whsec_tradepost_local"
    assert plan.environment["PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert plan.environment["DJANGO_SETTINGS_MODULE"] == "config.settings.local"


def test_a_port_moves_the_stand_in_too_unless_it_has_its_own(monkeypatch):
    monkeypatch.setenv("PORT", "9000")
    assert run.read_plan().standin_url == "http://127.0.0.1:9001"

    monkeypatch.setenv("STRIPE_STANDIN_PORT", "7000")
    assert run.read_plan().standin_url == "http://127.0.0.1:7000"


def test_an_own_stripe_key_is_used_without_the_stand_in(monkeypatch):
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_of_the_owner")
    plan = run.read_plan()

    assert plan.standin is False
    assert plan.environment["STRIPE_SECRET_KEY"] == "sk_test_of_the_owner"
    assert "STRIPE_API_BASE" not in plan.environment


def test_a_bad_port_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PORT", "eighty")

    with pytest.raises(run.RunError, match=r"^PORT=eighty is not a port number\.$"):
        run.read_plan()


def test_a_taken_port_is_one_sentence_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(run.RunError) as refusal:
            run.require_free(port, "PORT")

    assert str(refusal.value).startswith(f"Port {port} cannot be used (Address already in use).")
    assert run.require_free(port, "PORT") is None


def test_a_suggested_port_is_a_possible_one():
    assert run.another_port(8000) == 9000
    assert run.another_port(65000) == 64000


def test_a_second_run_in_the_same_folder_is_refused_and_told_where_the_first_is():
    with (
        run.only_one("http://127.0.0.1:8000"),
        pytest.raises(run.RunError, match=f"already runs in this folder: http://127.0.0.1:8000, process {os.getpid()}"),
        run.only_one("http://127.0.0.1:9000"),
    ):
        pytest.fail("two runs at once")

    with run.only_one("http://127.0.0.1:9000"):
        assert "9000" in (run.LOCAL / "run.lock").read_text()


def test_configured_services_are_left_alone(monkeypatch):
    urls = {"DATABASE_URL": "postgres://d", "CACHE_URL": "redis://c", "CELERY_BROKER_URL": "amqp://b"}
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    monkeypatch.setattr(run.embedded, "ensure", lambda **_: pytest.fail("started something"))
    plan = run.read_plan()

    run.start_services(plan)

    assert {name: plan.environment[name] for name in urls} == urls


def test_only_the_missing_service_is_embedded(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://own")
    asked = []

    def ensure(**wanted):
        asked.append(wanted)
        return run.embedded.Services(database_url="", cache_url="unix:///c", broker_url="redis+socket:///c")

    monkeypatch.setattr(run.embedded, "ensure", ensure)
    plan = run.read_plan()
    run.start_services(plan)

    assert asked == [{"database": False, "cache": True}]
    assert plan.environment["DATABASE_URL"] == "postgres://own"
    assert plan.environment["CELERY_BROKER_URL"] == "redis+socket:///c"


def test_lines_carry_the_name_of_their_program(supervisor, capsys):
    supervisor.run("web", python("print('one'); print('two', end='')"))

    assert capsys.readouterr().out == "web    | one\nweb    | two\n"
    assert supervisor.children == []


def test_a_failing_step_gives_its_output_and_code(supervisor, capsys):
    with pytest.raises(ChildError, match=r"^migrate failed \(exit code 3\)$") as failure:
        supervisor.run("migrate", python("import sys; print('no table'); sys.exit(3)"), quiet=True)

    assert failure.value.output == ["no table"]
    assert capsys.readouterr().out == ""


def test_one_dead_program_is_noticed_by_name(supervisor):
    supervisor.start("web", python("import time; time.sleep(60)"))
    worker = supervisor.start("worker", python("import time; time.sleep(60)"))
    os.kill(worker.process.pid, signal.SIGKILL)

    with pytest.raises(ChildError, match=r"^worker has ended by itself \(signal SIGKILL\)$"):
        supervisor.wait(lambda: False, seconds=10)

    assert [child.name for child in supervisor.children] == ["web"]


def test_stop_ends_programs_and_what_they_started(supervisor):
    code = "import subprocess, sys, time\n"
    code += "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)\ntime.sleep(60)"
    child = supervisor.start("worker", python(code))
    assert supervisor.wait(lambda: bool(child.recent), seconds=10)
    grandchild = int(child.recent[0])

    supervisor.stop()

    assert child.process.returncode == -signal.SIGTERM
    deadline = time.monotonic() + 5
    while not is_gone(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_summary_names_what_a_newcomer_needs():
    text = run.summary(run.read_plan(), 4.2)

    for expected in ("http://127.0.0.1:8000/api/v1/", "/api/docs/", "/admin/", "/healthz", ".local/mail", "make demo"):
        assert expected in text
    for email, password, _ in run.DEMO_ACCOUNTS:
        assert email in text
        assert password in text
    assert len({len(line) for line in text.splitlines()}) == 1


def test_paypal_has_a_stand_in_beside_stripes_unless_an_app_of_ones_own_is_configured(monkeypatch):
    plan = run.read_plan()
    assert (plan.paypal, plan.paypal_url) == (True, "http://127.0.0.1:8002")
    assert plan.environment["PAYPAL_API_BASE"] == "http://127.0.0.1:8002"
    assert plan.environment["PAYPAL_CLIENT_ID"] == "tradepost_local"
    assert "/api/v1/payments/paypal/webhook/" in run.paypal_command(plan)[-1]
    monkeypatch.setenv("PAYPAL_STANDIN_PORT", "7002")
    assert run.read_plan().paypal_url == "http://127.0.0.1:7002"
    monkeypatch.setenv("PAYPAL_CLIENT_ID", "mine")
    plan = run.read_plan()
    assert (plan.paypal, "PAYPAL_API_BASE" in plan.environment) == (False, False)
