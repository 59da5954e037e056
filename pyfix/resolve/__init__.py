"""Rewriting, resolving, and tables looked up by address: trivial-rewrite(8) as a library.

    resolver = Resolver(config)
    result = resolver.cached(address) or await resolver.resolve(address, sender)
    result.transport, result.nexthop, result.recipient, result.flags
"""

from pyfix.resolve.domains import ALIAS, CLASSES, DEFAULT, ERROR, FAIL, LOCAL, RELAY, ROUTED, VIRTUAL
from pyfix.resolve.resolver import Resolution, Resolver

__all__ = ["ALIAS", "CLASSES", "DEFAULT", "ERROR", "FAIL", "LOCAL", "RELAY", "ROUTED", "VIRTUAL",
           "Resolution", "Resolver"]
