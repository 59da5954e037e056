"""Who replaces whom: pyfix.master.heirs, with places for processes in the stead of processes."""

import os
from types import SimpleNamespace

from pyfix import jail
from pyfix.master.heirs import Heirs
from pyfix.master.plan import Planned



def planned(boot=True) -> Planned:
    return Planned("25", "inet", "smtpd", "pyfix.smtpd.stage", 1, boot, False, (), (), None, 0, None, True)


class House:
    """Heirs over one place, with what they asked for."""

    def __init__(self, monkeypatch, boot=True):
        import pyfix.master.heirs as module
        self.told, self.launched, self.retired = [], [], []
        monkeypatch.setattr(module, "Slot", self.slot)
        self.plan = planned(boot)
        self.first = self.slot(self.plan, 0, 0)
        self.slots = {self.plan.identity: [self.first]}
        self.heirs = Heirs(self.slots, self.retired.append, self.launched.append)

    def slot(self, plan, index, generation):
        slot = House.Place(plan, index, generation)
        slot.tell = lambda notice: self.told.append((generation, notice))
        return slot

    class Place(SimpleNamespace):
        __hash__ = object.__hash__

        def __init__(self, plan, index, generation):
            super().__init__(plan=plan, index=index, generation=generation, status=None, ready=False, stopping=False, files={})

        __eq__ = object.__eq__

    @property
    def now(self):
        return self.slots[self.plan.identity][0]

    def look(self, number):
        self.heirs.looked = 0.0
        return self.heirs.look(lambda: number)


def running(slot, **files):
    slot.status, slot.ready, slot.files = object(), True, files
    return slot


def test_a_changed_file_makes_an_heir_and_the_elder_ends_when_it_is_ready(monkeypatch, tmp_path):
    house, table = House(monkeypatch), tmp_path / "table"
    table.write_text("old")
    running(house.first).files = {str(table): jail.stamp(str(table)), "/nonexistent/x": []}
    assert house.look(1) == []
    table.write_text("other")
    assert house.look(1) == [str(table)]
    assert house.launched == [house.now] and house.now is not house.first and house.retired == [house.first]
    assert house.first.stopping and house.told == []
    house.heirs.heard(house.now)
    assert house.told == []
    running(house.now)
    house.heirs.heard(house.now)
    assert house.told == [(0, b"D")]
    house.heirs.heard(house.now)
    assert house.told == [(0, b"D")]


def test_an_heir_that_never_gets_ready_leaves_its_elders_to_the_next(monkeypatch):
    house = House(monkeypatch)
    running(house.first)
    house.heirs.replace(house.first, house.plan, 1)
    house.heirs.replace(house.now, house.plan, 2)           # throttled: it does not run
    running(house.now)
    house.heirs.heard(house.now)
    assert house.told == [(0, b"D")] and house.now.generation == 2


def test_a_file_that_comes_or_goes_counts_and_a_process_that_is_not_ready_is_left_alone(monkeypatch, tmp_path):
    house, table = House(monkeypatch), tmp_path / "table"
    running(house.first).files = {str(table): []}
    assert house.look(1) == []
    table.write_text("x")
    house.first.ready = False
    assert house.look(1) == []
    house.first.ready = True
    assert house.look(1) == [str(table)]
    running(house.now).files = {str(table): jail.stamp(str(table))}
    table.unlink()
    assert house.look(2) == [str(table)]


def test_one_look_a_second(monkeypatch):
    house = House(monkeypatch)
    running(house.first).files = {os.devnull: [1]}
    assert house.look(1) == [os.devnull]
    running(house.now).files = {os.devnull: [1]}
    assert house.heirs.look(lambda: 2) == []


def test_what_waits_for_its_first_job_is_not_started_and_a_line_that_goes_ends_all(monkeypatch):
    house = House(monkeypatch, boot=False)
    house.heirs.replace(house.first, house.plan, 1)
    assert house.launched == [] and house.now.generation == 1
    running(house.now)
    house.heirs.replace(house.now, house.plan, 2)
    house.heirs.dismiss(house.now)
    assert house.told == [(1, b"Q")]
