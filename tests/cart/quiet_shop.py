"""A shop in which nobody else commits, for counting statements on a database server that others use too."""

from typing import Any

from apps.cart.services import contents


def be_quiet(monkeypatch: Any) -> None:
    """The question is still asked, so it is counted; the answer is always that nothing happened."""
    ask = contents.nothing_committed_since
    monkeypatch.setattr(contents, "nothing_committed_since", lambda moment: ask(moment) or True)
