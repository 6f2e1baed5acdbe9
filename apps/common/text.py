"""What may stand in short human text: no control characters, and in names nothing that a mail program makes a link.

Names go into mails to addresses that nobody has proven yet, so a name that is a link would make the shop a tool of
bulk mailers.
"""

import re
import unicodedata

# Joiners are letters' business in Persian and Indic names; every other invisible character is a trick.
_JOINERS = frozenset("\u200c\u200d")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_NOT_PLAIN = re.compile("[^A-Z0-9]")
_DOT = "[.\u3002\uff61]"  # browsers take the ideographic full stops for dots
_LINK = re.compile(
    rf"""
    [/\\<>@]                              # paths, markup, addresses
    | \bwww\s*{_DOT}
    | [^\W_][\w-]+{_DOT}[^\W\d_]{{2,}}     # shop.example; "St. John" and "J.R. Smith" are no links
    | \b[^\W_]{_DOT}(?:co|com|net|org|me|io|ly|gg|cc|tv|to)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def has_control_character(text: str) -> bool:
    """Whether the text holds line breaks, NUL, direction overrides or other characters that do not show."""
    return any(unicodedata.category(each) in _FORBIDDEN_CATEGORIES and each not in _JOINERS for each in text)


def looks_like_a_link(text: str) -> bool:
    """Whether a mail program might show part of the text as a link or an address."""
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None


def plain_code(text: str) -> str:
    """A postal code or the like as its capital letters and digits alone: `SW1A 1AA` is SW1A1AA."""
    return _NOT_PLAIN.sub("", text.upper())
