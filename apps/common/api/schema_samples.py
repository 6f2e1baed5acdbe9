"""`x-codeSamples` of each operation: the same call by curl, in Python and in JavaScript, against `make run`."""

import json
from typing import Any

BASE_URL = "http://127.0.0.1:8000"


def code_samples(path: str, method: str, operation: dict[str, Any]) -> list[dict[str, str]]:
    """Samples that run as they stand, once `TOKEN` and the ids that differ on every machine are filled in."""
    call = _Call(path, method, operation)
    return [
        {"lang": "Shell", "label": "curl", "source": call.curl()},
        {"lang": "Python", "label": "Python (requests)", "source": call.python()},
        {"lang": "JavaScript", "label": "JavaScript (fetch)", "source": call.javascript()},
    ]


class _Call:
    """One example call of an operation."""

    def __init__(self, path: str, method: str, operation: dict[str, Any]) -> None:
        self.method = method.upper()
        self.body = _example_body(operation)
        self.file = "table.csv" if path.endswith("/import/") else "picture.jpg"
        self.placeholders: list[str] = []
        self.path = path
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                self._fill(parameter)
        self.headers: dict[str, str] = {}
        if {} not in operation.get("security", [{}]):
            self.headers["Authorization"] = "Bearer {TOKEN}"
            self.placeholders.insert(0, "TOKEN")
        self.media_type = next(iter(operation.get("requestBody", {}).get("content", {})), None)
        if self.body is not None:
            self.headers["Content-Type"] = "application/json"

    def _fill(self, parameter: dict[str, Any]) -> None:
        name = parameter["name"]
        if "example" not in parameter:
            self.placeholders.append(name.upper())
        example = parameter.get("example", "{" + name.upper() + "}")
        self.path = self.path.replace("{" + name + "}", example)

    def curl(self) -> str:
        parts = [f'curl -X {self.method} "{BASE_URL}{_shell(self.path)}"']
        if self.method == "GET":
            parts = [f'curl "{BASE_URL}{_shell(self.path)}"']
        parts += [f'-H "{name}: {_shell(value)}"' for name, value in self.headers.items()]
        if self.body is not None:
            parts.append("-d '" + json.dumps(self.body).replace("'", "'\\''") + "'")
        elif self.media_type == "multipart/form-data":
            parts.append(f"-F file=@{self.file}")
        return " \\\n  ".join(parts)

    def python(self) -> str:
        arguments = [f"f{json.dumps(BASE_URL + self.path)}" if self.placeholders else json.dumps(BASE_URL + self.path)]
        headers = {name: value for name, value in self.headers.items() if name != "Content-Type"}
        if headers:
            pairs = ", ".join(f"{json.dumps(k)}: f{json.dumps(v)}" for k, v in headers.items())
            arguments.append(f"headers={{{pairs}}}")
        if self.body is not None:
            arguments.append(f"json={_python_literal(self.body)}")
        elif self.media_type == "multipart/form-data":
            arguments.append(f'files={{"file": open("{self.file}", "rb")}}')
        call = ",\n    ".join(arguments)
        names = "".join(f'{name} = "..."\n' for name in self.placeholders)
        return (
            f"import requests\n\n{names}answer = requests.{self.method.lower()}(\n    {call},\n    timeout=10,\n)\n"
            "answer.raise_for_status()\nprint(answer.text)"
        )

    def javascript(self) -> str:
        url = f"`{BASE_URL}{self.path.replace('{', '${')}`"
        options = [] if self.method == "GET" else [f'method: "{self.method}"']
        if self.headers:
            pairs = ", ".join(f"{json.dumps(k)}: `{v.replace('{', '${')}`" for k, v in self.headers.items())
            options.append(f"headers: {{ {pairs} }}")
        if self.body is not None:
            options.append(f"body: JSON.stringify({json.dumps(self.body)})")
        elif self.media_type == "multipart/form-data":
            options.append("body: new FormData(form)")
        names = "".join(f'const {name} = "...";\n' for name in self.placeholders)
        inner = "".join(f"\n  {option}," for option in options)
        call = f"{url}, {{{inner}\n}}" if options else url
        return f"{names}const answer = await fetch({call});\nconsole.log(answer.status, await answer.text());"


def _shell(text: str) -> str:
    return text.replace("{", "${")


def _python_literal(value: Any) -> str:
    return json.dumps(value).replace(": true", ": True").replace(": false", ": False").replace(": null", ": None")


def _example_body(operation: dict[str, Any]) -> Any:
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = media.get("examples") or {}
    first: dict[str, Any] = next(iter(examples.values()), {})
    return first.get("value")
