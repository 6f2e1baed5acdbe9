"""Fields of request bodies that several apps share."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from apps.common import countries
from apps.common.text import has_control_character, looks_like_a_link


class LineField(serializers.CharField):
    """One line of text: no line breaks or other characters that do not show."""

    default_error_messages = {"control_character": "Line breaks and control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if has_control_character(text):
            self.fail("control_character")
        return text


class PersonNameField(LineField):
    """A person's name; it may not hold a link, for names are printed in mails to addresses nobody has proven."""

    default_error_messages = {"link": "Links and addresses are not allowed in a name."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if looks_like_a_link(text):
            self.fail("link")
        return text


class CountryField(serializers.RegexField):
    """The ISO 3166-1 alpha-2 code of a country that goods can be sent to."""

    default_error_messages = {"invalid_choice": "There is no such country."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("^[A-Z]{2}$", max_length=2, **{"help_text": "ISO 3166-1 alpha-2", **kwargs})

    def to_internal_value(self, data: Any) -> str:
        code: str = super().to_internal_value(data)
        self.run_validators(code)
        if not countries.is_known(code):
            self.fail("invalid_choice")
        return code


class RowField(serializers.CharField):
    """A row by the key that people type, in the form that `plain` gives it; the value is the row."""

    default_error_messages = {"does_not_exist": "There is no such row."}

    def __init__(self, *, model: type[Model], key: str, plain: Callable[[str], str] = str, **kwargs: Any) -> None:
        self._model, self._key, self._plain = model, key, plain
        super().__init__(**kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        typed = super().run_validation(data)
        if not isinstance(typed, str):
            return typed
        row = self._model._default_manager.filter(**{self._key: self._plain(typed)}).first()
        if row is None:
            self.fail("does_not_exist")
        return row
