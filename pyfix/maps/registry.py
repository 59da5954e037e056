"""Table types by name: each is one module of this package with an `open_table` function, loaded on first use.

`open_table(type, name, flags, config, mode) -> Table`; mode is "r" to look up, "w" to change an existing table,
"i" to change one that is made if it is missing, "c" to make it anew. Raises TableConfigError.
A type that is configured but not here yet, or not installed, is a TableConfigError that says what to do.
"""

from __future__ import annotations

import importlib
from typing import Any

from .. import jail
from ..errors import TableConfigError
from . import flags as F
from .table import ReadOnly, Table

#: type -> module of this package
TYPES = {
    "btree": "hash",
    "cdb": "cdb",
    "cidr": "cidr",
    "dbm": "dbm",
    "debug": "debug",
    "environ": "environ",
    "fail": "fail",
    "hash": "hash",
    "inline": "inline",
    "internal": "internal",
    "ldap": "ldap",
    "lmdb": "lmdb",
    "memcache": "memcache",
    "mongodb": "mongodb",
    "mysql": "mysql",
    "pcre": "pcre",
    "pgsql": "pgsql",
    "pipemap": "pipemap",
    "proxy": "proxy",
    "randmap": "randmap",
    "redis": "redis",
    "regexp": "regexp",
    "sdbm": "sdbm",
    "socketmap": "socketmap",
    "sqlite": "sqlite",
    "static": "static",
    "tcp": "tcp",
    "texthash": "texthash",
    "unionmap": "unionmap",
    "unix": "unix",
}

#: types that have no use here, and what to use instead
WITHOUT = {
    "nis": "NIS tables are not supported; use ldap: or a local table",
    "nisplus": "NIS+ tables are not supported; use ldap: or a local table",
    "netinfo": "NetInfo tables are not supported; use ldap: or a local table",
}

#: types whose tables postmap can make, and those that can be changed
BUILDABLE = {"btree", "cdb", "dbm", "fail", "hash", "lmdb", "sdbm"}
WRITABLE = BUILDABLE | {"debug", "environ", "internal", "memcache", "proxy", "redis", "static"}


#: what a type puts behind its name to make its files' names
SUFFIXES = {"hash": (".db",), "btree": (".db",), "lmdb": (".lmdb",), "cdb": (".cdb",), "dbm": (".dir", ".pag"), "sdbm": (".dir", ".pag")}


def known_types() -> list[str]:
    """The types that can be used here, sorted: their module is present (postconf -m)."""
    from importlib.util import find_spec

    return sorted(kind for kind, module in TYPES.items() if find_spec(f"{__package__}.{module}"))


def split(spec: str) -> tuple[str, str]:
    """("type", "name") of "type:name"."""
    kind, colon, name = spec.partition(":")
    if not colon or not kind or not name:
        raise TableConfigError(spec, f'open dictionary: expecting "type:name" form instead of "{spec}"')
    return kind, name


def _module(kind: str, spec: str) -> Any:
    module = TYPES.get(kind)
    if module is None:
        reason = WITHOUT.get(kind)
        text = f"unsupported dictionary type: {kind}"
        raise TableConfigError(spec, f"{text} ({reason})" if reason else text)
    full = f"{__package__}.{module}"
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name == full:
            raise TableConfigError(spec, f"unsupported dictionary type: {kind}") from error
        raise TableConfigError(spec, f"{kind} tables need the Python package {error.name}") from error


def open_spec(spec: str, config: Any, flags: int, mode: str = "r") -> Table:
    """Open "type:name"."""
    kind, name = split(spec)
    if mode != "r" and kind in TYPES and kind not in WRITABLE:
        raise TableConfigError(spec, f"{spec} {ReadOnly}")
    for suffix in SUFFIXES.get(kind, ("",)):
        jail.note(name + suffix)
    return _module(kind, spec).open_table(kind, name, flags, config, mode)


def must_build(kind: str) -> None:
    """Refuse a type that postmap can't make tables of."""
    _module(kind, kind)
    if kind not in BUILDABLE:
        raise TableConfigError(kind, f"unsupported dictionary type: {kind} does not support bulk-mode creation.")


def wants_utf8(config: Any, flags: int) -> bool:
    """Do the keys and values of a table opened with `flags` have to be UTF-8?"""
    if flags & F.UTF8_FORCE:
        return True
    enabled = config is None or bool(config.smtputf8_enable)
    return bool(flags & F.UTF8_REQUEST) and enabled
