"""Dockerfile, compose file, nginx and Kubernetes manifests agree with each other and with the settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from apps.common.api.problems import PROBLEMS
from config import gunicorn

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = (REPOSITORY / "docker-compose.yml").read_text()
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
NGINX = (REPOSITORY / "docker/nginx/templates/nginx.conf.template").read_text()
PROXY = (REPOSITORY / "docker/nginx/templates/proxy.conf.template").read_text()
EDGE_PROBLEMS = (REPOSITORY / "docker/nginx/templates/problems.conf.template").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
LONG_RUNNING = {"db", "cache", "broker", "web", "celery", "celery-beat", "nginx"}
MANIFESTS: list[dict[str, Any]] = [
    document
    for path in sorted((REPOSITORY / "docker/kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
WORKLOADS = {
    manifest["metadata"]["name"]: manifest for manifest in MANIFESTS if manifest["kind"] in ("Deployment", "Job")
}


def documented_variables() -> set[str]:
    sample = (REPOSITORY / ".env.sample").read_text()
    return set(re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=", sample, re.MULTILINE))


def seconds(text: str, directive: str) -> int:
    return int(re.search(rf"^\s*{directive} (\d+)s;", text, re.MULTILINE)[1])


def test_compose_runs_the_seven_services_and_one_migration() -> None:
    assert set(SERVICES) == LONG_RUNNING | {"migrate"}
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["migrate"]["restart"] == "no"
    for name in ("web", "celery", "celery-beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_a_service_is_watched_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "no-new-privileges:true" in service["security_opt"]


def test_every_image_has_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [name for name in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in name]
    images += [
        container["image"]
        for workload in WORKLOADS.values()
        for container in workload["spec"]["template"]["spec"]["containers"]
    ]

    assert len(images) == 15
    for image in images:
        assert re.fullmatch(r"[a-z/]+:(\d[\w.-]*|\$\{TRADEPOST_VERSION:-local\})", image), image


def test_only_nginx_is_published_and_the_stores_are_on_an_inner_network() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert yaml.safe_load(COMPOSE)["networks"]["backend"] == {"internal": True}
    for name in ("db", "cache", "broker"):
        assert SERVICES[name]["networks"] == ["backend"]


def test_no_secret_stands_in_the_compose_file() -> None:
    assert re.findall(r"^\s*(\w*(?:SECRET|PASSWORD|PASS)\w*): (?!\$\{[A-Z_]+:\?)", COMPOSE, re.MULTILINE) == []
    assert re.findall(r"://\w+:(?!\$\{[A-Z_]+:\?)[^/]*@", COMPOSE) == []


def test_every_variable_of_the_packaging_is_documented() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", COMPOSE))
    used |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", (REPOSITORY / "docker/entrypoint").read_text()))
    for manifest in MANIFESTS:
        if manifest["kind"] in ("ConfigMap", "Secret"):
            used |= set(manifest.get("data") or manifest["stringData"])

    assert used - documented_variables() == set()


def test_every_stage_that_runs_is_an_ordinary_user_without_a_shell_around_it() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
    assert list(stages)[-1] == "app"  # what `docker build .` makes
    for name in ("edge", "app"):
        [user] = re.findall(r"^USER (\d+):\d+$", stages[name], re.MULTILINE)
        assert int(user) > 0
        assert len(re.findall(r"^HEALTHCHECK .* CMD \[", stages[name], re.MULTILINE)) == 1
        assert len(re.findall(r"^CMD \[", stages[name], re.MULTILINE)) == 1
        assert "RUN" not in stages[name].split("USER", 1)[1]
    assert "requirements-dev" not in DOCKERFILE


def test_the_build_context_holds_what_the_dockerfile_copies_and_no_settings_of_a_machine() -> None:
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        copied |= set(re.sub(r"--\S+ ", "", line).split()[:-1])
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()

    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert {path.split("/")[0] for path in copied} == {path.split("/")[0] for path in let_in}
    assert not any(path.startswith((".", "*")) for path in let_in)
    for path in copied:
        assert (REPOSITORY / path).exists(), path


def test_nginx_takes_bodies_up_to_the_applications_own_limits() -> None:
    limits = re.findall(r"client_max_body_size (\d+)m;  # (\w+)", NGINX)
    mebibytes = {name: {int(size) * 1024 * 1024 for size, of in limits if of == name} for _, name in limits}

    assert NGINX.count("client_max_body_size") == len(limits) == 3
    assert mebibytes == {
        "BODY_LIMIT": {settings.DATA_UPLOAD_MAX_MEMORY_SIZE},
        "UPLOAD_LIMIT": {settings.IMAGE_UPLOAD_MAX_BYTES},
    }


def test_gunicorn_gives_up_before_nginx_and_nginx_closes_idle_connections_first() -> None:
    assert gunicorn.timeout < seconds(PROXY, "proxy_read_timeout")
    [upstream] = re.findall(r"upstream web \{(.*?)\n    \}", NGINX, re.DOTALL)
    assert seconds(upstream, "keepalive_timeout") < gunicorn.keepalive
    assert "non_idempotent" not in re.sub(r"#.*", "", PROXY)


def test_every_code_that_nginx_answers_with_is_in_the_public_list() -> None:
    maps = {
        name: dict(re.findall(r'^\s+(\w+)\s+"?([^";]*)"?;$', body, re.MULTILINE))
        for name, body in re.findall(r"map \$status \$edge_problem_(\w+) \{(.*?)\}", EDGE_PROBLEMS, re.DOTALL)
    }
    handled = set(re.findall(r"^\s+error_page ((?:\d+ )+)/__problem;", NGINX, re.MULTILINE)[0].split())

    assert set(maps["code"].values()) <= {problem.code for problem in PROBLEMS}
    assert maps["type"] == {status: code.replace("_", "-") for status, code in maps["code"].items()}
    assert set(maps["title"]) == set(maps["detail"]) == set(maps["code"])
    assert set(maps["code"]) - {"default"} == (handled | {"431"}) - {"500"}


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_pod_runs_as_an_ordinary_user_on_a_read_only_disk(name: str) -> None:
    pod = WORKLOADS[name]["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] in (101, 10001)
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


def test_kubernetes_runs_one_beat_and_asks_web_the_three_probes() -> None:
    assert WORKLOADS["tradepost-beat"]["spec"]["replicas"] == 1
    assert WORKLOADS["tradepost-beat"]["spec"]["strategy"] == {"type": "Recreate"}
    [web] = WORKLOADS["tradepost-web"]["spec"]["template"]["spec"]["containers"]
    probes = {name: web[name]["httpGet"]["path"] for name in web if name.endswith("Probe")}
    assert probes == {"startupProbe": "/startup", "readinessProbe": "/ready", "livenessProbe": "/healthz"}
    [config] = [manifest["data"] for manifest in MANIFESTS if manifest["kind"] == "ConfigMap"]
    for name in probes:
        hosts = [h["value"] for h in web[name]["httpGet"]["httpHeaders"] if h["name"] == "Host"]
        assert hosts == [config["ALLOWED_HOSTS"]]
