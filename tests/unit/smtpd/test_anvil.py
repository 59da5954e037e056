"""Counts of clients over several processes: exact, bounded, and gone with the process that made them (anvil(8))."""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from pyfix.smtpd.anvil import SIZE, Anvil, key_of
from pyfix.smtpd.tally import SLOT, Tally

OTHER = """
import sys
from pyfix.smtpd.anvil import Anvil
anvil = Anvil(sys.argv[1], "smtp", print)
for line in sys.stdin:
    what, key = line.split()
    if what == "left":
        anvil.left(int(key))
        print(0, flush=True)
    else:
        print(anvil.connected(int(key), 60) if what == "connected" else anvil.count(int(key), what, 60), flush=True)
"""


class Other:
    """Another process of the service."""

    def __init__(self, directory):
        self.process = subprocess.Popen([sys.executable, "-c", OTHER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what, key):
        self.process.stdin.write(f"{what} {key}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.mark.parametrize("seed", range(10))
def test_the_table_counts_like_a_dictionary(seed):
    rng = random.Random(seed)
    table, model, rates = Tally(bytearray(SLOT * 8 * 4), True), Counter(), Counter()
    keys = [rng.getrandbits(64) | 1 for _ in range(12)]
    for step in range(2000):
        key, window = rng.choice(keys), step // 200
        action = rng.randrange(3)
        if action == 0:
            if table.connect(key, window) > 0:
                model[key] += 1
        elif action == 1:
            assert table.leave(key) == (model[key] > 0)
            model[key] -= model[key] > 0
        elif table.count(key, 1, window) > 0:
            rates[key, window] += 1
        assert table.connections(key) == model[key]
        if model[key] or rates[key, window]:
            assert table.rate(key, 1, window) == rates[key, window]


def test_a_full_bucket_says_so_and_loses_nothing():
    table = Tally(bytearray(SLOT * 8), True)
    assert [table.connect(key, 1) for key in range(1, 10)] == [1] * 8 + [-1]
    assert [table.connections(key) for key in range(1, 10)] == [1] * 8 + [0]
    table.leave(3)
    assert table.connect(9, 1) == -1 and table.connect(9, 2) == 1      # what was counted in this window stays as long


def test_a_reader_can_not_write():
    table = Tally(bytes(SLOT * 8))
    with pytest.raises(ValueError):
        table.connect(1, 1)
    assert table.connections(1) == 0 and not table.leave(1)
    for wrong in (b"", bytes(SLOT), bytes(SLOT * 8 + 1)):
        with pytest.raises(ValueError):
            Tally(wrong)


def test_networks_are_clients():
    assert key_of(b"192.0.2.1", 32, 84) != key_of(b"192.0.2.2", 32, 84)
    assert key_of(b"192.0.2.1", 24, 84) == key_of(b"192.0.2.200", 24, 84) != key_of(b"192.0.3.1", 24, 84)
    assert key_of(b"2001:db8::1", 32, 84) == key_of(b"2001:db8::ffff:1", 32, 84) != key_of(b"2001:db8:0:0:8000::1", 32, 84)
    assert key_of(b"unknown", 32, 84) and key_of(b"192.0.2.1", 0, 0) == key_of(b"198.51.100.1", 0, 0)


def test_all_processes_count_together(tmp_path):
    one, two = Other(tmp_path), Other(tmp_path)
    try:
        assert one.ask("connected", 5) == 1
        assert two.ask("connected", 5) == 2 and two.ask("connected", 6) == 1
        time.sleep(1.1)                                 # by then the first knows of the second
        assert one.ask("connected", 5) == 3
        assert [two.ask("message", 5), one.ask("message", 5), two.ask("message", 5), one.ask("recipient", 5)] == [1, 2, 3, 1]
        two.ask("left", 5)
        assert one.ask("connected", 5) == 3
    finally:
        one.end(), two.end()


def test_the_counts_of_a_process_that_was_killed_go_with_it(tmp_path):
    dead, alive = Other(tmp_path), Other(tmp_path)
    try:
        dead.ask("connected", 5), dead.ask("connected", 5)
        assert alive.ask("connected", 5) == 3
        dead.end()
        time.sleep(1.1)
        assert alive.ask("connected", 5) == 2
        assert [name for name in os.listdir(tmp_path)] == [f"anvil.smtp.{alive.process.pid}"]
    finally:
        alive.end()


def test_without_a_directory_it_counts_for_itself(tmp_path):
    told = []
    anvil = Anvil(str(tmp_path / "none"), "smtp", told.append)
    assert [anvil.connected(7, 60), anvil.connected(7, 60), anvil.count(7, "message", 60)] == [1, 2, 1]
    assert len(told) == 1 and told[0].startswith(b"client counts are not shared: ")


def test_rates_begin_anew_with_each_period(tmp_path):
    now = [600.0]
    anvil = Anvil(str(tmp_path), "smtp", print, lambda: now[0])
    assert [anvil.count(7, "connection", 60) for _ in range(3)] == [1, 2, 3]
    now[0] += 60
    assert anvil.count(7, "connection", 60) == 1
    anvil.close()
    assert os.listdir(tmp_path) == []


def test_files_that_are_none_of_ours_do_no_harm(tmp_path):
    (tmp_path / "anvil.smtp.1").write_bytes(b"short")
    (tmp_path / "anvil.smtp.2").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "anvil.smtp.3")
    (tmp_path / "anvil.smtps.4").write_bytes(bytes(SIZE))
    anvil = Anvil(str(tmp_path), "smtp", print)
    assert anvil.connected(7, 60) == 1 and not anvil.others
    anvil.close()


def test_connections_without_room_are_counted_here(tmp_path):
    anvil = Anvil(str(tmp_path), "smtp", print)
    buckets = SIZE // SLOT // 8
    keys = [1 + buckets * i for i in range(9)]
    for key in keys[:8]:
        anvil.connected(key, 60)
    assert [anvil.connected(keys[8], 60), anvil.connected(keys[8], 60)] == [1, 2]
    anvil.left(keys[8])
    assert anvil.connected(keys[8], 60) == 2
    anvil.close()
