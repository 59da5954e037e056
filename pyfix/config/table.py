"""The table of all parameters, and the families that master.cf makes. Law: postconf(5).

`data/parameters.tsv` has one row a parameter; this module reads it once, on first use.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pyfix.config.lines import read_text

# Suffix of a transport's own parameter, and the parameter that is its default.
TRANSPORT_FAMILY = {
    "recipient_limit": "default_recipient_limit",
    "extra_recipient_limit": "default_extra_recipient_limit",
    "recipient_refill_limit": "default_recipient_refill_limit",
    "recipient_refill_delay": "default_recipient_refill_delay",
    "delivery_slot_cost": "default_delivery_slot_cost",
    "delivery_slot_loan": "default_delivery_slot_loan",
    "delivery_slot_discount": "default_delivery_slot_discount",
    "minimum_delivery_slots": "default_minimum_delivery_slots",
    "initial_destination_concurrency": "initial_destination_concurrency",
    "destination_concurrency_limit": "default_destination_concurrency_limit",
    "destination_recipient_limit": "default_destination_recipient_limit",
    "destination_concurrency_positive_feedback": "default_destination_concurrency_positive_feedback",
    "destination_concurrency_negative_feedback": "default_destination_concurrency_negative_feedback",
    "destination_concurrency_failed_cohort_limit": "default_destination_concurrency_failed_cohort_limit",
    "destination_rate_delay": "default_destination_rate_delay",
    "transport_rate_delay": "default_transport_rate_delay",
}
COMMAND_FAMILY = {"time_limit": "command_time_limit"}


class Parameter(NamedTuple):
    """A row of the table.

    type    str, raw (never expanded), int, long (64 bits), bool, time; legacy (an old name that a default
            looks at), obsolete (documented, but Postfix no longer has it), family (transport_...)
    low, high   bounds of a number, or of a text's length; None where there are none
    """

    name: str
    type: str
    default: str
    low: int | None
    high: int | None


_table: dict[str, Parameter] = {}


class Detail(NamedTuple):
    """The rest of a row: what reads it, whether pyfix heeds it (used, partly, ignored), why not, one line of help."""

    area: str
    status: str
    note: str
    text: str


def _rows(limit: int) -> Iterator[list[str]]:
    path = __file__.rpartition("/")[0] + "/data/parameters.tsv"
    for line in read_text(path).split("\n"):
        if line and line[0] != "#":
            yield line.split("\t", limit)


def parameters() -> dict[str, Parameter]:
    """Name -> Parameter, in the file's (alphabetical) order."""
    if not _table:
        for name, kind, default, low, high, _ in _rows(5):
            _table[name] = Parameter(name, kind, default, int(low) if low else None, int(high) if high else None)
    return _table


def details() -> dict[str, Detail]:
    """Name -> Detail of every row."""
    return {row[0]: Detail(*row[5:]) for row in _rows(8)}


def is_builtin(name: str) -> bool:
    """Whether `name` is a parameter of the table (not one of a family, not one that is gone)."""
    row = parameters().get(name)
    return row is not None and row.type not in ("obsolete", "family")


def family_default(name: str) -> str | None:
    """The parameter whose value `name` takes by default as a member of a transport family, else None."""
    at = name.find("_")
    while at > 0:
        suffix = name[at + 1:]
        if suffix in TRANSPORT_FAMILY:
            return TRANSPORT_FAMILY[suffix]
        if suffix in COMMAND_FAMILY:
            return COMMAND_FAMILY[suffix]
        at = name.find("_", at + 1)
    return None
