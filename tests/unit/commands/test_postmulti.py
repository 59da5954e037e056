"""postmulti and the wrapper of `postfix`: three instances in a folder, one of them disabled. Expected: what Debian's postmulti showed."""

import subprocess
import sys

import pytest

from pyfix.commands import postfix, postmulti
from pyfix.commands.common import Failure
from pyfix.config import snapshot


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The primary instance's directory is `tmp_path`/postfix."""
    for name, text in (("postfix", "multi_instance_wrapper = /usr/sbin/postmulti -p --\nmulti_instance_enable = yes\n"
                                   f"multi_instance_directories = {tmp_path}/a, {tmp_path}/b\n"),
                       ("a", "multi_instance_name = postfix-a\nmulti_instance_group = out\nmulti_instance_enable = yes\n"),
                       ("b", "multi_instance_name = postfix-b\nmulti_instance_group = out\n"), ("c", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.cf").write_text(text + f"queue_directory = {tmp_path}/q-{name}\n")
        (tmp_path / name / "master.cf").write_text("")
    monkeypatch.setattr(snapshot, "DEFAULT_DIRECTORY", str(tmp_path / "postfix"))
    monkeypatch.delenv("MAIL_CONFIG", raising=False)
    return tmp_path


def listed(capfd, *words):
    assert postmulti.run(["-l", *words]) == 0
    return [line.split()[:3] for line in capfd.readouterr().out.splitlines()]


def test_the_list(base, capfd):
    everyone = [["-", "-", "y"], ["postfix-a", "out", "y"], ["postfix-b", "out", "n"]]
    assert listed(capfd) == listed(capfd, "-a") == everyone
    assert listed(capfd, "-R") == everyone[::-1] and listed(capfd, "-g", "out") == everyone[1:]
    assert listed(capfd, "-i", "-") == everyone[:1] and listed(capfd, "-i", f"{base}/b") == everyone[2:] and listed(capfd, "-i", "x") == []
    assert postmulti.run(["-l", "-i", "postfix-a"]) == 0
    assert capfd.readouterr().out == f"postfix-a       out             y         {base}/a\n"


def test_a_command_for_each(base, capfd):
    script = "echo $config_directory $multi_instance_name $multi_instance_enable; test $multi_instance_name"
    assert postmulti.run(["-x", "sh", "-c", script]) == 1
    assert capfd.readouterr().out.splitlines() == [f"{base}/postfix yes", f"{base}/a postfix-a yes", f"{base}/b postfix-b no"]
    assert postmulti.run(["-g", "out", "-x", "sh", "-c", script]) == 0 and postmulti.run(["-i", "x", "-x", "false"]) == 0


@pytest.mark.parametrize("verb, calls", [("start", "postfix start|a start|b check"), ("stop", "a stop|postfix stop"),
                                         ("flush", "postfix flush|a flush"), ("status", "postfix status|a status|b status")])
def test_what_postfix_does_for_each(base, monkeypatch, verb, calls):
    seen = []
    monkeypatch.setattr(postmulti, "_run", lambda one, command: seen.append(f"{one.directory.rpartition('/')[2]} {command[-1]}") or 0)
    assert postmulti.run(["-p", "--", verb]) == 0 and "|".join(seen) == calls


def test_postfix_hands_over_to_the_wrapper(base, monkeypatch):
    calls = []
    monkeypatch.setattr(postfix.subprocess, "run", lambda argv, **more: calls.append((argv, more["env"])) or subprocess.CompletedProcess(argv, 3))
    assert postfix.run(["status"]) == 3
    argv, told = calls[0]
    assert argv == [sys.executable, "-I", "-m", "pyfix.commands.postmulti", "-p", "--", "status"] and told["MAIL_CONFIG"] == f"{base}/postfix"
    postfix.run(["-c", f"{base}/a", "status"])          # a named instance is one
    assert len(calls) == 1


def test_a_life(base, capfd):
    for words in (["-i", "postfix-b", "-e", "enable"], ["-i", "postfix-a", "-e", "disable"], ["-i", "postfix-a", "-e", "assign", "-I", "-", "-G", "in"],
                  ["-I", "postfix-c", "-e", "import", f"config_directory={base}/c"], ["-i", "postfix-b", "-e", "deport"]):
        assert postmulti.run(words) == 0
    assert listed(capfd) == [["-", "-", "y"], ["-", "in", "n"], ["postfix-c", "-", "n"]]
    for words in (["-i", "-", "-e", "deport"], ["-e", "enable"], ["-i", "x", "-e", "enable"], ["-i", "-", "-e", "assign", "-I", "bad"],
                  ["-e", "import", f"config_directory={base}/c"], ["-e", "create", "-I", "postfix-d"], ["-e", "bogus"], [], ["-x"], ["-l", "x"], ["-p"]):
        with pytest.raises(Failure):
            postmulti.run(words)


def test_another_primary_is_refused(base, monkeypatch):
    monkeypatch.setenv("MAIL_CONFIG", f"{base}/a")
    with pytest.raises(Failure, match="default configuration directory"):
        postmulti.run(["-l"])
