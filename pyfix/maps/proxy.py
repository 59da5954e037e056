"""proxy:type:name, a table that must be listed in proxy_read_maps or proxy_write_maps (proxymap(8)).

One process here carries thousands of sessions with one open table, which is what proxymap is for, so `proxy:` opens the
table in the process itself. The lists are kept: a table that they do not name can't be used.
"""

from __future__ import annotations

from typing import Any

from ..errors import TableConfigError
from . import flags as F
from . import registry, report
from .braces import tokens
from .table import Table


def bare(spec: str) -> str:
    """`spec` without the "proxy:" in front of it."""
    while spec.startswith("proxy:"):
        spec = spec[6:]
    return spec


def approved(config: Any, parameter: str) -> frozenset[str]:
    """The tables that the parameter names."""
    if config is None:
        return frozenset()
    return frozenset(bare(word) for word in tokens(str(config[parameter])) if ":" in word)


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """The table behind it. Raises TableConfigError where it may not be reached this way."""
    title, inner = f"{type}:{name}", bare(name)
    if flags & F.NO_PROXY:
        raise TableConfigError(title, f"{title} map is not allowed for security-sensitive data")
    service, parameter, access = (("proxymap", "proxy_read_maps", "read-only") if mode == "r"
                                  else ("proxywrite", "proxy_write_maps", "read-write"))
    if inner not in approved(config, parameter):
        kind, _, rest = inner.partition(":")
        report.warning(f'request for unapproved table: "{inner}"')
        report.warning(f"to approve this table for {access} access, list proxy:{kind}:{rest} in main.cf:{parameter}")
        raise TableConfigError(title, f'{service} service is not configured for table "{inner}"')
    return registry.open_spec(inner, config, flags, mode)
