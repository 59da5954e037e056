"""Source and sink against each other, as programs: every message counted, every misbehaviour seen."""

import socket

import pytest

from tests.kit.load import clean, sink, source


def test_every_way_of_sending_arrives_whole() -> None:
    ways = [["-s", "5"], ["-s", "3", "-c", "0"], ["-c", "7", "--bdat", "-s", "2"], ["--no-pipelining", "-c", "3"],
            ["-r", "1:2,30:1", "--users", "50", "-t", "u{u}@d{d}.test", "--domains", "9", "-l", "1:1,5k:1,300k:1"],
            ["--rate", "500", "--poisson", "-c", "0"], ["-s", "4", "-j", "2", "--no-rset", "-c", "0"]]
    with sink("127.0.0.1:0") as receiver:
        for number, words in enumerate(ways):
            result = source(receiver.ports[0], "-m", "60", "--run", f"run{number}", *words)
            assert (result["messages"], result["failed"], result["failures"]) == (60, 0, {})
            assert result["latency_ms"]["count"] == 60 and 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["max"]
        report = receiver.ask("report")["report"]
        for number in range(len(ways)):
            clean(report, 60, f"run{number}")
        assert receiver.ask("count")["count"] == 420
        receiver.ask("reset")
        assert receiver.ask("count")["count"] == 0


def test_several_receiving_processes_are_summed() -> None:
    with sink("127.0.0.1:0", "-j", "2") as receiver:
        source(receiver.ports[0], "-m", "80", "--run", "r", "-s", "8", "-r", "3")
        clean(receiver.ask("report")["report"], 80, "r")


def test_the_same_run_twice_is_doubled() -> None:
    with sink("127.0.0.1:0") as receiver:
        for _ in range(2):
            source(receiver.ports[0], "-m", "10", "--run", "r")
        found = receiver.ask("report")["report"]["runs"]["r"]
    assert (found["doubled"], found["recipients_extra"], found["complete"]) == (10, 10, 0)


def talk(port: int, *pieces: bytes) -> None:
    """Raw SMTP, without a look at the answers."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"EHLO x\r\n" + b"".join(pieces) + b"QUIT\r\n")
        while sock.recv(4096):
            pass


def test_altered_damaged_lost_and_other_recipients_are_told_apart() -> None:
    from pyfix.load import mix
    from pyfix.load.traffic import Traffic
    letters = Traffic(b"x", 1, *mix.plain("a@b.test", "c@d.test", 1, 1, "500", "2", ""))

    def mail(recipients: list[bytes], content: bytes) -> bytes:
        rows = [b"RCPT TO:<%b>\r\n" % address for address in recipients]
        return b"MAIL FROM:<>\r\n" + b"".join(rows) + b"DATA\r\n" + content + b".\r\n"

    with sink("127.0.0.1:0") as receiver:
        (_, to, good), (_, _, second), (_, _, third), (_, _, fourth) = (letters.example(n) for n in range(4))
        talk(receiver.ports[0], mail(to[:1], b"Received: by x\r\n" + good), mail(to[1:], good),       # split, header added: fine
             mail(to, second.replace(b"01234", b"01243", 1)),                                         # altered body
             mail(to[:1], third),                                                                     # one recipient lost
             mail([to[0], b"else@d.test"], fourth),                                                   # another recipient
             mail(to, good.replace(b"X-Load: x 0", b"X-Load: x 9")), mail(to, b"Subject: not ours\r\n\r\nhello\r\n"))
        report = receiver.ask("report")["report"]
    assert (report["altered"], report["damaged"], report["unmarked"]) == (1, 1, 1)
    assert report["altered_samples"][0]["number"] == 1
    found = report["runs"]["x"]
    assert (found["messages"], found["complete"], found["incomplete"], found["wrong_recipients"]) == (4, 2, 1, 1)


def test_a_profile_is_played_and_seen_by_the_source() -> None:
    with sink("127.0.0.1:0=closed", "127.0.0.1:0=flaky", "127.0.0.1:0=greylist") as receiver:
        closed = source(receiver.ports[0], "-m", "3", "-s", "1", status=1)
        assert closed["failures"] == {"refused: 554 5.7.1": 3}
        flaky = source(receiver.ports[1], "-m", "200", "--run", "f", status=1)
        assert flaky["messages"] + flaky["failed"] == 200 and 100 < flaky["messages"] < 190 and len(flaky["failures"]) >= 3
        assert source(receiver.ports[2], "-m", "2", status=1)["failures"] == {"rcpt: 450 4.2.0": 2}
        report = receiver.ask("report")["report"]
        assert report["runs"]["f"]["complete"] == flaky["messages"] and report["dropped"] > 3
        assert report["posts"][2]["deferred"] == 2 and report["replies"]["554 5.7.1 Mail from your network is not taken here"] == 3


def test_an_open_loop_counts_from_when_a_message_was_due(tmp_path) -> None:
    """A receiver that takes 0.2 s a message on one session, at 20 messages a second: the tenth has waited 1.5 s."""
    (tmp_path / "late.toml").write_text("content_delay = 0.2\n")
    with sink(f"127.0.0.1:0={tmp_path}/late.toml") as receiver:
        waited = source(receiver.ports[0], "-m", "10", "--rate", "20", "-s", "1", "-c", "0")["latency_ms"]
        closed = source(receiver.ports[0], "-m", "10", "-s", "1", "-c", "0")["latency_ms"]
    assert 1200 < waited["max"] and waited["p50"] > 500
    assert closed["max"] < 1000


@pytest.mark.parametrize("words", [["-m", "0"], ["-m", "1", "-j", "9", "-s", "2"], ["-m", "1", "-r", "x"], ["-m", "1", "--run", "a b"]])
def test_bad_words(words: list[str]) -> None:
    assert "pyfix bench source:" in source(1, *words, status=2)["error"]


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert source(port, "-m", "3", "-s", "1", status=1)["failures"] == {"connect: ECONNREFUSED": 3}
