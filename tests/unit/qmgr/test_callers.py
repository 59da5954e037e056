"""Whose process is at the other end, and what becomes of one connection too many."""

import asyncio
import os
from types import SimpleNamespace

import pytest

from pyfix.qmgr.callers import USER_CONNECTIONS, Callers


class Connection:
    def __init__(self, uid):
        self.uid, self.closed = uid, False

    def peer_credentials(self):
        return 1, self.uid, self.uid

    def close(self):
        self.closed = True


def callers(**lists):
    words = {f"authorized_{name}_users": value for name, value in lists.items()}
    return Callers(SimpleNamespace(words=lambda name: words.get(name, "static:anyone").replace(",", " ").split()),
                   SimpleNamespace(warning=lambda text: None))


def test_each_user_has_so_many_connections_and_ours_have_no_bound():
    here, other = callers(), os.geteuid() + 77
    held = [Connection(other) for _ in range(USER_CONNECTIONS + 3)]
    for one in held:
        here.came(one)
    assert [one.closed for one in held] == [False] * USER_CONNECTIONS + [True] * 3
    here.left(held[0])
    here.left(held[-1])                             # was never counted
    again, third, ours = Connection(other), Connection(other + 1), [Connection(os.geteuid()) for _ in range(200)]
    for one in (again, third, *ours):
        here.came(one)
    assert not any(one.closed for one in (again, third, *ours))
    for one in (*held, again, third, *ours):
        here.left(one)
    assert not here.users and not here.counts


@pytest.mark.parametrize(("verb", "lists", "uid", "status"), [
    ("list", {}, 65534, 0), ("list", {"mailq": "!nobody, static:anyone"}, 65534, 77), ("flush", {"mailq": ""}, 65534, 0),
    ("flush", {"flush": "root"}, 65534, 77), ("flush_id", {"flush": "nobody"}, 65534, 0), ("flush_site", {"flush": ""}, 65534, 77),
    ("change", {}, 65534, 77), ("find", {}, 65534, 77), ("change_all", {}, 0, 0), ("list", {"mailq": ""}, 0, 0),
    ("list", {"mailq": "/no/such/file"}, 65534, 75)])
def test_who_may_what(verb, lists, uid, status):
    found, text = asyncio.run(callers(**lists).refusal(Connection(uid), verb))
    assert found == status and bool(text) == bool(status)
