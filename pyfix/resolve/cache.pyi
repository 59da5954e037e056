"""What the resolver said before and what still holds (ext/pyfix/resolve/cache.pyx)."""

from typing import Any

class Cache:
    """The cache of a Resolver, which fills it, defines default_route(domain) and says in `kind` what a Resolution is."""

    _watched: list[Any]
    _cache: dict[Any, Any]
    _by_sender: bool
    _cacheable: bool
    _checked: float
    _generation: int
    _by_domain: bool
    def cached(self, address: bytes, sender: bytes = ...) -> Any | None:
        """What resolve() gave before for this address, if it still holds: the way that costs next to nothing."""
    def _refresh(self) -> None:
        """Forgets all answers where a table has changed."""
