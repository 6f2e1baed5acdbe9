"""The project's own lint: sizes, names of files, things left open, pins.

python -m scripts.lint_sizes
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FOLDERS = ("apps", "config", "scripts", "tests")
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "misc.py"}
# Written apart, so that this file does not find itself.
LEFT_OPEN = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"]))
BARE_IGNORE = re.compile(r"#\s*(noqa|type:\s*ignore)\s*$")
PIN = re.compile(r"^[A-Za-z0-9_.-]+(\[[a-z,-]+\])?==[0-9][^\s;]*$")


def python_files(project: Path) -> Iterator[Path]:
    """Every source file that people write; migrations are generated."""
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def complaints(project: Path = PROJECT) -> Iterator[str]:
    """Everything that breaks a rule, as `path:line: text`."""
    for path in python_files(project):
        yield from _in_file(path, path.relative_to(project))
    for name in ("requirements.txt", "requirements-dev.txt"):
        yield from _unpinned(project / name)


def _in_file(path: Path, name: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if path.name in FORBIDDEN_NAMES:
        yield f"{name}:1: name the file after the question it answers"
    if len(lines) > MAX_FILE_LINES:
        yield f"{name}:1: {len(lines)} lines, at most {MAX_FILE_LINES}"
    for number, line in enumerate(lines, start=1):
        if LEFT_OPEN.search(line):
            yield f"{name}:{number}: something was left open"
        if BARE_IGNORE.search(line):
            yield f"{name}:{number}: an ignore without its code"
    yield from _long_functions(text, name)


def _long_functions(text: str, name: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"


def _unpinned(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        wanted = line.split("#")[0].strip()
        if wanted and not wanted.startswith("-r ") and not PIN.match(wanted):
            yield f"{path.name}:{number}: pin an exact version"


def main() -> int:
    """Print the complaints; 1 when there are any."""
    found = list(complaints())
    print(
        "\n".join(found) or f"{sum(1 for _ in python_files(PROJECT))} files are within their sizes, all packages pinned"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
