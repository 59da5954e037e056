"""Who may touch what: the files of a running relay, and what its processes hold open."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from tests.kit.relay import Relay

FOR_ALL = {"public"}        # the one directory whose sockets everybody may connect to


def open_to_the_world(base: Path) -> list[str]:
    """Paths below `base` that any user may write."""
    found = []
    for path in base.rglob("*"):
        mode = path.lstat().st_mode
        if mode & stat.S_IWOTH and not stat.S_ISLNK(mode):
            found.append(str(path.relative_to(base)))
    return found


def test_nothing_is_open_to_the_world_but_the_public_sockets():
    async def scenario():
        async with Relay() as relay:
            await relay.send()
            await relay.until(lambda: relay.received, "a message")
            reachable = open_to_the_world(relay.base)
            assert reachable, "the submission socket is for everybody"
            for name in reachable:
                path = relay.base / name
                assert stat.S_ISSOCK(path.lstat().st_mode) and path.parent.name in FOR_ALL, name
                assert not path.parent.stat().st_mode & stat.S_IWOTH
            private = relay.base / "spool" / "private"
            assert not private.stat().st_mode & stat.S_IRWXO, "private sockets are for mail_owner"
            assert not [path for path in relay.base.rglob("*") if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)
                        and path.parent.name != "spool"]
    asyncio.run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: without it all processes are the caller's")
def test_the_unprivileged_hold_nothing_of_root_open_for_writing():
    async def scenario():
        async with Relay() as relay:
            await relay.send()
            await relay.until(lambda: relay.received, "a message")
            for pid, program in relay.processes().items():
                for fd in Path(f"/proc/{pid}/fd").iterdir():
                    flags = int(Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text().split("flags:")[1].split()[0], 8)
                    target = os.readlink(fd)
                    if target.startswith("/") and flags & (os.O_WRONLY | os.O_RDWR):
                        inside = Path(target.removesuffix(" (deleted)")).is_relative_to(relay.base)
                        assert inside or target.startswith("/dev/"), (program, target)
    asyncio.run(scenario())
