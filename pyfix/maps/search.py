"""A table with the order in which its kinds of keys are tried: `{type:name {search_order = a, b}}` (map_search(3)).

Law: the bare form is the table alone, and the caller's own order holds; in braces the first word is the table and the others are
attributes, `name = value`, in braces of their own where the value has blanks or commas. Source: check_ccert_access in postconf(5).
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import ConfigError
from . import report
from .braces import extract, tokens


class MapSearch(NamedTuple):
    """`spec`: the table, "type:name". `order`: the kinds of keys to try, as the caller wrote them; None: the caller's own order."""

    spec: str
    order: tuple[str, ...] | None = None


def parse_search(text: str, kinds: Sequence[str]) -> MapSearch | None:
    """What `text` asks for; None where it can't be used, and a warning says why. `kinds`: the names that an order may have."""
    spec, attributes = text, list[str]()
    if text.startswith("{"):
        inner, error = extract(text)
        if error:
            report.warning(f"malformed map specification: '{error}'")
            return None
        words = tokens(inner)
        if not words:
            report.warning(f"empty map specification: '{text}'")
            return None
        spec, attributes = words[0], words[1:]
    if ":" not in spec:
        report.warning(f"malformed map specification: '{text}'")
        report.warning(f"expected maptype:mapname instead of '{spec}'")
        return None
    try:
        return MapSearch(spec, _order(text, attributes, kinds))
    except ConfigError as error:
        report.warning(error.text)
        return None


def _order(text: str, attributes: list[str], kinds: Sequence[str]) -> tuple[str, ...] | None:
    """The search order among the attributes of `text`; the last one counts. Raises ConfigError."""
    order = None
    for attribute in attributes:
        if attribute.startswith("{"):
            attribute, error = extract(attribute)
            if error:
                raise ConfigError(f"malformed map attribute: {error}")
        name, value = _pair(text, attribute)
        if name.lower() != "search_order":
            raise ConfigError(f"unknown map attribute in '{text}': '{name}'")
        order = value
    return None if order is None else tuple(_kind(text, word, kinds) for word in tokens(order))


def _pair(text: str, attribute: str) -> tuple[str, str]:
    name, equal, value = attribute.partition("=")
    name = name.strip()
    if not name:
        trouble = "missing attribute name"
    elif not equal or len(name.split()) > 1:
        trouble = "missing '=' after attribute name"
    else:
        return name, value.strip()
    raise ConfigError(f"malformed map attribute in '{text}': '{trouble}'")


def _kind(text: str, word: str, kinds: Sequence[str]) -> str:
    for kind in kinds:
        if kind.lower() == word.lower():
            return kind
    raise ConfigError(f"unknown search type '{word}' in '{text}'")
