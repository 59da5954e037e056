"""Processes in a jail are replaced where others are told: when a table has changed, and at a reload.

Law: master(5) chroot, DATABASE_README; pyfix/jail.py. A process in a jail can't see its tables change. It has told us, before it went
in, which files it read and what they were (pyfix.jail.Stamp); we look at them once a second. When one is another now, an heir is
started, which opens them anew. Until the heir is ready the old process goes on as it was; then it takes nothing more, and ends when
its last session or delivery does. An heir that can't start is throttled like any process, and the old one serves on.
"""

import time
from collections.abc import Callable

from pyfix import jail
from pyfix.master.plan import Planned
from pyfix.master.process import Slot

LOOK = 1.0                  # seconds between looks at the files


class Heirs:
    """The replacements that are under way.

    slots    the supervisor's, by identity; an heir takes its elder's place in them
    retire   is told of a process that shall not be started again
    launch   starts a Slot
    """

    def __init__(self, slots: dict[str, list[Slot]], retire: Callable[[Slot], None], launch: Callable[[Slot], None]) -> None:
        self.slots, self.retire, self.launch = slots, retire, launch
        self.elders: dict[Slot, list[Slot]] = {}    # heir -> who ends when it is ready
        self.looked = 0.0

    def look(self, generation: Callable[[], int]) -> list[str]:
        """Replace whose files have changed; the paths that had. `generation` gives a new number for a process's key."""
        now, found = time.monotonic(), []
        if now - self.looked < LOOK:
            return found
        self.looked = now
        for slots in self.slots.values():
            for slot in [one for one in slots if one.ready and one.status is not None and one.files]:
                path = changed(slot)
                if path:
                    found.append(path)
                    self.replace(slot, slot.plan, generation())
        return found

    def replace(self, slot: Slot, plan: Planned, generation: int) -> None:
        """Another process in the place of `slot`, which need not run."""
        heir = Slot(plan, slot.index, generation)
        line = self.slots[plan.identity]
        line[line.index(slot)] = heir
        self.elders[heir] = self.elders.pop(slot, [])
        if slot.status is not None:
            slot.stopping = True
            self.retire(slot)
            self.elders[heir].append(slot)
        if plan.boot or self.elders[heir]:
            self.launch(heir)

    def heard(self, slot: Slot) -> None:
        """`slot` has said something: if it is ready, those before it may end."""
        if slot.ready:
            for elder in self.elders.pop(slot, ()):
                elder.tell(b"D")


    def dismiss(self, slot: Slot) -> None:
        """`slot` is not wanted any more, and so are those before it."""
        for elder in self.elders.pop(slot, ()):
            elder.tell(b"Q")


def changed(slot: Slot) -> str:
    """The first file of a process that is not what it was when it was read; "" where all are."""
    return next((path for path, stamp in slot.files.items() if jail.stamp(path) != stamp), "")
