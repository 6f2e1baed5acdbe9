"""Query strings taken literally: unknown, repeated and empty parameters are 400s, never silently ignored."""

from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from apps.common.api.serializers import QuerySerializer
from apps.common.errors import PARAMETER_CODES, FieldError, Invalid

_TRUTH = {"true": True, "false": False}


class TrueFalseField(serializers.Field[bool, str, bool, Any]):
    """`true` or `false`, nothing else."""

    default_error_messages = {"invalid": "Expected true or false."}

    def to_internal_value(self, data: str) -> bool:
        if data not in _TRUTH:
            self.fail("invalid")
        return _TRUTH[data]

    def to_representation(self, value: bool) -> bool:
        return value


class OrderingField(serializers.Field[list[str], str, list[str], Any]):
    """`ordering=-rating,price`: the listed keys alone, each with an optional minus."""

    default_error_messages = {"invalid_choice": "Unknown ordering key."}

    def __init__(self, *, keys: tuple[str, ...], **kwargs: Any) -> None:
        self.keys = keys
        super().__init__(**kwargs)

    def to_internal_value(self, data: str) -> list[str]:
        wanted = data.split(",")
        if len(wanted) > len(self.keys) or any(key.removeprefix("-") not in self.keys for key in wanted):
            self.fail("invalid_choice")
        return wanted

    def to_representation(self, value: list[str]) -> list[str]:
        return value


def parse_query(params: QueryDict, query_class: type[QuerySerializer] | None) -> dict[str, Any]:
    """Validated parameters as a dict. Raises `Invalid` naming every parameter that does not fit."""
    serializer = query_class(data=params.dict()) if query_class else None
    known = set(serializer.fields) if serializer else set()
    errors = [error for name, values in params.lists() if (error := _malformed(name, values, known))]
    if errors:
        code = errors[0].code if len(errors) == 1 and errors[0].code in PARAMETER_CODES else None
        raise Invalid("A query parameter is not valid.", code=code, errors=errors)
    if serializer is None:
        return {}
    if not serializer.is_valid():
        raise Invalid("A query parameter is not valid.", errors=_parameter_errors(serializer.errors))
    return dict(serializer.validated_data)


def _malformed(name: str, values: list[str], known: set[str]) -> FieldError | None:
    if name not in known:
        return FieldError("unknown_parameter", "This parameter is not known.", parameter=name[:100])
    if len(values) > 1:
        return FieldError("repeated_parameter", "Give this parameter once.", parameter=name)
    if values[0] == "":
        return FieldError("empty_parameter", "Leave the parameter out instead.", parameter=name)
    if "\x00" in values[0]:
        return FieldError("invalid", "NUL characters are not allowed.", parameter=name)
    return None


def _parameter_errors(errors: Any) -> list[FieldError]:
    return [
        FieldError(code, "This value is not valid." if code == "invalid_choice" else str(item), parameter=name)
        for name, items in errors.items()
        for item in items
        for code in [getattr(item, "code", "invalid")]
    ]
