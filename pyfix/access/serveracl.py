"""Access lists of servers that see no more than a client's address: postscreen_access_list (server_acl(3)).

Law: the words are tried in their order and the first that knows the client decides; `dunno` ends the list without a decision. A
table's result is a list itself, but names no tables; after its `dunno` the outer list goes on. What can't be looked up or
understood ends the list: ERROR, and a warning says why.
Source: postconf(5), postscreen_access_list.
"""

from collections.abc import Callable
from typing import Any

from pyfix.access.networks import Networks
from pyfix.errors import TableError
from pyfix.maps import flags, registry
from pyfix.maps.braces import tokens
from pyfix.maps.maplist import Unopened
from pyfix.maps.table import Table

PERMIT, REJECT, DUNNO, ERROR = "permit", "reject", "dunno", "error"
_WORDS = (PERMIT, REJECT, DUNNO)
Warn = Callable[[str], Any]


class ServerAcl:
    """`ServerAcl(config, config["postscreen_access_list"], "postscreen_access_list", warn)`.

    `name` stands before each warning. Tables are opened when the list is made.
    """

    def __init__(self, config: Any, text: str, name: str, warn: Warn) -> None:
        self._config, self._name, self._warn = config, name, warn
        self._networks = Networks(config, "mynetworks")
        self._list = tokens(text)
        self._tables = {word: self._open(word) for word in self._list if ":" in word}

    def _open(self, spec: str) -> Table:
        try:
            return registry.open_spec(spec, self._config, flags.LOOKUP)
        except TableError as error:
            return Unopened(spec, error.text)

    async def evaluate(self, address: bytes) -> str:
        """PERMIT, REJECT, DUNNO or ERROR for a client's address, as text (b"192.0.2.1")."""
        return await self._evaluate(address, self._list, self._name)

    async def _evaluate(self, address: bytes, words: list[str], origin: str) -> str:
        for word in words:
            if ":" in word:
                found = await self._table(address, word, origin)
            elif word.lower() in _WORDS:
                return word.lower()
            elif word.lower() == "permit_mynetworks":
                found = await self._mine(address, word, origin)
            else:
                found = self._end(origin, f"unknown command: {word}")
            if found != DUNNO:
                return found
        return DUNNO

    def _end(self, origin: str, what: str) -> str:
        self._warn(f"{origin}: {what} -- ignoring the remainder of this access list")
        return ERROR

    async def _table(self, address: bytes, spec: str, origin: str) -> str:
        table = self._tables[spec]
        try:
            value = table.get(address) if table.local else await table.lookup(address)
        except TableError:
            return self._end(origin, f"{spec}: table lookup error")
        if value is None:
            return DUNNO
        return await self._evaluate(address, self._result(spec, value.decode("utf-8", "surrogateescape")), spec)

    def _result(self, spec: str, value: str) -> list[str]:
        """The words of a table's result, as far as the first that names a table."""
        words = tokens(value) if value else [""]
        for at, word in enumerate(words):
            if ":" in word:
                self._warn(f'table {spec}: lookup result "{word}" is not allowed -- ignoring remainder of access list')
                return words[:at]
        return words

    async def _mine(self, address: bytes, word: str, origin: str) -> str:
        networks = self._networks
        try:
            mine = networks.match(b"", address) if networks.local else await networks.lookup(b"", address)
        except TableError as error:
            self._warn(str(error))
            return self._end(origin, f"{word}: mynetworks lookup error")
        return PERMIT if mine else DUNNO
