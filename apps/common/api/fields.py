"""Fields of request bodies that several apps share."""

from typing import Any

from rest_framework import serializers

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
