"""The public list of error codes and the codes in the code are the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from apps.common.api.problems import PROBLEMS

APPS = Path(settings.BASE_DIR) / "apps"
# Written by nginx in front of the application (docker/nginx).
OF_THE_EDGE = {"uri_too_long", "headers_too_large", "gateway_timeout"}


def sources() -> Iterator[ast.Module]:
    for path in APPS.rglob("*.py"):
        if "migrations" not in path.parts and path.name != "problems.py":
            yield ast.parse(path.read_text(encoding="utf-8"))


def raised_codes() -> set[str]:
    """Codes of Problem classes (`code = "..."`), and those given to one when it is raised or answered directly."""
    found: set[str] = set()
    for node in (node for module in sources() for node in ast.walk(module)):
        if isinstance(node, ast.ClassDef):
            found |= set(_class_codes(node))
        elif isinstance(node, ast.Call):
            found |= set(_call_codes(node))
    return found


def _class_codes(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = getattr(statement, "value", None)
        if names == ["code"] and isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            yield value.value


def _call_codes(node: ast.Call) -> Iterator[str]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name == "plain_problem":
        yield from (argument.value for argument in node.args[1:2] if isinstance(argument, ast.Constant))
    if name in PROBLEM_MAKERS:
        yield from (
            keyword.value.value
            for keyword in node.keywords
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
        )


PROBLEM_MAKERS = {"Invalid", "Problem", "Conflict", "Unauthenticated", "Forbidden", "Gone", "problem_body"}
# DRF's own refusals, renamed in apps/common/api/exceptions.py.
OF_DRF = {"method_not_allowed", "not_acceptable", "unsupported_media_type"}
# Codes of the whole document when one parameter is at fault (apps/common/errors.py, PARAMETER_CODES).
OF_PARAMETERS = {"unknown_parameter", "repeated_parameter", "empty_parameter", "unsupported_currency"}


def test_every_code_that_the_code_raises_is_in_the_public_list() -> None:
    assert raised_codes() - {problem.code for problem in PROBLEMS} == set()


def test_every_code_of_the_public_list_can_happen() -> None:
    known = raised_codes() | OF_THE_EDGE | OF_DRF | OF_PARAMETERS
    assert {problem.code for problem in PROBLEMS} - known == set()


def test_every_code_is_listed_once_with_its_remedy() -> None:
    codes = [problem.code for problem in PROBLEMS]
    assert len(codes) == len(set(codes))
    assert all(problem.when and problem.remedy for problem in PROBLEMS)


def test_the_page_of_a_code_exists_and_another_does_not(client) -> None:
    page = client.get("/problems/insufficient-stock")
    assert (page.status_code, b"insufficient_stock" in page.content) == (200, True)
    assert client.get("/problems/no-such-code").status_code == 404


def test_the_page_of_all_codes_names_every_code(client) -> None:
    text = client.get("/api/docs/problems/").content.decode()
    assert [problem.code for problem in PROBLEMS if problem.code not in text] == []
