"""The repository is laid out as its documents say, and its lists name what exists."""

import ast
import configparser
import re
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.contrib import admin

from scripts import lint_sizes

ROOT = Path(settings.BASE_DIR)
APPS = ("users", "products", "cart", "orders", "payments", "notifications")
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
# Names the issue fixed; operators and other systems call them.
TASKS = (
    "send_verification_email",
    "send_password_reset_email",
    "send_welcome_email",
    "send_order_confirmation",
    "send_order_shipped",
    "send_order_delivered",
    "check_low_stock_products",
    "cleanup_expired_tokens",
    "invalidate_product_cache",
    "send_pending_notifications",
    "release_expired_reservations",
    "redeliver_events",
    "process_pending_payments",
)


def test_every_path_of_find_your_way_exists() -> None:
    section = (ROOT / "README.md").read_text().split("## Find your way", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+\?) \| (.+) \|$", section, flags=re.MULTILINE)
    paths = [re.findall(r"`([^`]+)`", cell) for _, cell in rows]
    assert len(rows) == 10
    assert [cells for cells in paths if len(cells) != 1] == []
    assert [path for (path,) in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text()) if not link.startswith(("http", "mailto:"))]
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"`((?:apps|config|docs|docker|scripts|templates|tests)/[\w./-]+)`", document.read_text())
    assert [path for path in named if not path.endswith("...") and not (ROOT / path).exists()] == []


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {name for path in DOCUMENTS for name in re.findall(r"`(?:\w+=\S+ )*make ([a-z-]+)", path.read_text())}
    assert named - targets == set()


def test_sizes_names_and_pins_are_in_order() -> None:
    assert list(lint_sizes.complaints()) == []


def test_the_lint_finds_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    long = "def f():\n" + "    x = 1\n" * 51
    (tmp_path / "apps" / "utils.py").write_text(long + "# TO" + "DO\nx = 1  # noqa\n" + "\n" * 500)
    (tmp_path / "requirements.txt").write_text("Django>=5\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\npytest==9.2.0\n")
    assert [complaint.split(": ", 1)[1] for complaint in lint_sizes.complaints(tmp_path)] == [
        "name the file after the question it answers",
        "554 lines, at most 500",
        "something was left open",
        "an ignore without its code",
        "f has 52 lines, at most 50",
        "pin an exact version",
    ]


def test_every_model_of_the_shop_has_a_staff_screen() -> None:
    registered = set(admin.site._registry) | {
        inline.model for site in admin.site._registry.values() for inline in site.inlines
    }
    ours = {model for app in ("common", *APPS) for model in apps.get_app_config(app).get_models()}
    assert {model._meta.label for model in ours - registered} == set()


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_registered_under_its_exact_name(name: str) -> None:
    current_app.loader.import_default_modules()
    assert name in current_app.tasks


def test_every_scheduled_task_exists() -> None:
    current_app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled - set(current_app.tasks) == set()


def variables_read() -> set[str]:
    """Every NAME of env.xxx("NAME") in the settings, and those that production demands."""
    found = set()
    for path in (ROOT / "config").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                is_env = isinstance(owner, ast.Name) and owner.id == "env" and node.args
                is_environ = node.func.attr == "get" and ast.unparse(owner) == "os.environ"
                if (is_env or is_environ) and isinstance(node.args[0], ast.Constant):
                    found.add(node.args[0].value)
    return found - {"PYTEST_XDIST_WORKER", "TEST_DATABASE_NAME"}


def documented_variables() -> set[str]:
    return set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.sample").read_text(), flags=re.MULTILINE))


def test_every_variable_that_the_settings_read_is_documented() -> None:
    assert variables_read() - documented_variables() == set()


def test_every_documented_variable_is_read_somewhere() -> None:
    sources = [*(ROOT / "config").rglob("*.py"), *(ROOT / "docker").rglob("*"), *(ROOT / "scripts").rglob("*")]
    sources += [ROOT / "docker-compose.yml", ROOT / "Makefile", ROOT / "manage.py"]
    text = "\n".join(path.read_text(errors="ignore") for path in sources if path.is_file())
    assert {name for name in documented_variables() if not re.search(rf"\b{name}\b", text)} == set()


def test_the_private_doors_of_every_app_are_in_the_import_contracts() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    for app in APPS:
        listed = set(parser[f"importlinter:contract:private-doors-{app}"]["protected_modules"].split())
        folder = ROOT / "apps" / app
        doors = ("api", "admin", "tasks", "handlers")
        existing = {door for door in doors if (folder / door).is_dir() or (folder / f"{door}.py").is_file()}
        assert listed == {f"apps.{app}.{door}" for door in existing}


def test_the_checklist_of_dependencies_names_every_pinned_package() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    lines = [*(ROOT / "requirements.txt").open(), *(ROOT / "requirements-dev.txt").open()]
    names = [line.split("==")[0].split("[")[0].strip() for line in lines if "==" in line]
    assert [name for name in names if f"| {name} |" not in text] == []
