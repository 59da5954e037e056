"""From master.cf to processes: what is started, what is refused, what the administrator is told."""

import pytest

from pyfix.errors import ConfigError
from pyfix.master.plan import load


@pytest.fixture
def plan(tmp_path):
    def make(master, main=""):
        (tmp_path / "main.cf").write_text(f"myhostname = a.example\ninet_protocols = ipv4\ninet_interfaces = 127.0.0.1\n{main}")
        (tmp_path / "master.cf").write_text(master)
        return load(str(tmp_path))
    make.path = tmp_path
    return make


def test_lines_become_processes(plan):
    services = plan("2525 inet n - n - 3 smtpd -o smtpd_banner=x\npickup unix n - n 60 1 pickup\nqmgr unix n - n 300 1 qmgr\n"
                    "relay unix - - n - - smtp\ncleanup unix n - n - 0 cleanup\n").services
    assert set(services) == {"2525/inet", "pickup/unix", "qmgr/unix", "relay/unix"}, "cleanup is a part of others"
    smtpd = services["2525/inet"]
    assert smtpd.overrides == (("smtpd_banner", "x"),) and smtpd.maxproc == 3 and 1 <= smtpd.count <= 3 and smtpd.boot
    assert [one.name for one in smtpd.listen] == ["inet:127.0.0.1:2525"]
    assert services["pickup/unix"].wakeup == 60
    assert {one.name for one in services["pickup/unix"].listen} >= {"public/submit", "public/pickup"}
    assert not services["relay/unix"].boot and services["relay/unix"].trigger.name == "private/relay"


def test_the_default_transport_starts_at_once(plan):
    assert plan("smtp unix - - n - - smtp\n").services["smtp/unix"].boot
    assert not plan("smtp unix - - n - - smtp\n", "default_transport = other:\n").services["smtp/unix"].boot


@pytest.mark.parametrize("second, text", [
    ("2525 inet n - n - - smtpd", "duplicate service name"), ("x inet n - n - -", "line 2"), ("x inet y - n - - smtpd", "cannot be private"),
    ("x inet n - maybe - - smtpd", "chroot"), ("nosuchservice inet n - n - - smtpd", "nosuchservice"), ("70000 inet n - n - - smtpd", "70000"),
    ("../x unix - - n - - smtp", "bad unix service name: ../x"), ("a/../../x fifo n - n - - pickup", "bad fifo service name: a/../../x"),
    (".. unix - - n - - smtp", "bad unix service name: .."), ("a/b unix - - n - - smtp", "bad unix service name: a/b"),
    (". unix - - n - - smtp", "bad unix service name: ."), ("a/ unix - - n - - smtp", "bad unix service name: a/"),
    ("x" * 100 + " unix - - n - - smtp", "bad unix service name: xxx"),
])
def test_a_mistake_is_named_with_file_line_and_remedy(plan, second, text):
    with pytest.raises(ConfigError) as error:
        plan(f"2525 inet n - n - - smtpd\n{second}\n")
    assert text in str(error.value) and f"{plan.path}/master.cf" in str(error.value) and "line 2" in str(error.value)
    assert error.value.remedy


def test_what_has_no_effect_is_told(plan, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    told = plan("2525 inet n - y - - smtpd -o smtpd_milters=x -o smtpd_banner=y\nlocal unix - n n - - local\n"
                "smtp unix - - n - - smtp\ncleanup unix n - y - 0 cleanup\nx unix - - n - - nosuch\n", "hash_queue_depth = 2\n").warnings
    main, override, missing, chroot, unknown = told
    assert main.startswith(f"{plan.path}/main.cf, line 4: parameter hash_queue_depth has no effect: ")
    assert override.startswith(f"{plan.path}/master.cf, line 1: parameter smtpd_milters has no effect: ")
    assert "not started: line 2 (local/unix)" in missing
    assert chroot.endswith("chroot has no effect: line 1 (2525/inet); only root can do it")
    assert unknown == f"{plan.path}/master.cf, line 5: unknown program nosuch is not started"


def test_as_root_what_can_goes_into_a_jail_and_the_rest_is_told(plan, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    made = plan("2525 inet n - y - - smtpd\nsmtp unix - - y - - smtp\nlmtp unix - - n - - lmtp\nqmgr unix n - y 300 1 qmgr\n"
                "bounce unix - - y - 0 bounce\n")
    assert {name: service.jail for name, service in made.services.items()} == {
        "2525/inet": True, "smtp/unix": True, "lmtp/unix": False, "qmgr/unix": False}
    [told] = [text for text in made.warnings if "chroot" in text]
    assert "chroot has no effect: line 4 (qmgr/unix); these meet no network" in told
    other = plan("2525 inet n - n - - smtpd\n").services["2525/inet"]
    assert not made.services["2525/inet"].same_processes(other)


def test_overrides_and_wakeup_change_without_a_restart(plan):
    line = "2525 inet n - n {} 3 smtpd{}\n"
    before = plan(line.format(0, "")).services["2525/inet"]
    assert before.same_processes(plan(line.format(10, " -o smtpd_banner=y")).services["2525/inet"])
    assert not before.same_processes(plan("2525 inet n - n 0 3 smtp\n").services["2525/inet"])


def test_default_process_limit_counts_where_it_is_given(plan):
    master = "2525 inet n - n - - smtpd\n2526 inet n - n - 0 smtpd\nrelay unix - - n - 7 smtp\n"
    limits = [[one.maxproc for one in plan(master, main).services.values()] for main in ("", "default_process_limit = 30\n")]
    assert limits == [[None, 0, 7], [30, 0, 7]]


@pytest.mark.parametrize("value, left", [
    ("", ["2525/inet", "2526/inet", "relay/unix"]), ("inet", ["relay/unix"]), ("2525/inet", ["2526/inet", "relay/unix"]),
    ("!2526/inet, inet", ["2526/inet", "relay/unix"]), ("INET unix", []), ("*", ["2525/inet", "2526/inet", "relay/unix"])])
def test_services_can_be_disabled(plan, value, left):
    master = "2525 inet n - n - - smtpd\n2526 inet n - n - 0 smtpd\nrelay unix - - n - 7 smtp\n"
    assert list(plan(master, f"master_service_disable = {value}\n").services) == left


def test_types_and_rights_that_are_not_given_are_told(plan):
    made = plan("smtpd pass - - n - - smtpd\nx unix-dgram n - n - 1 smtpd\n2525 inet n n n - - smtpd\npickup fifo n - n 60 1 pickup\n"
                "postlog unix-dgram n - n - 1 postlogd\nbounce unix - n n - 0 bounce\n")
    assert set(made.services) == {"2525/inet", "pickup/fifo"}
    strange, asroot = made.warnings
    assert strange.endswith("not started: line 1 (smtpd/pass), line 2 (x/unix-dgram)")
    assert "n in the fourth column has no effect: line 3 (2525/inet);" in asroot


def test_the_third_column_says_in_which_directory_a_socket_is(plan):
    services = plan("a unix - - n - - smtp\nb unix n - n - - smtp\nc unix y - n - - smtp\n").services
    assert [services[f"{name}/unix"].trigger.name for name in "abc"] == ["private/a", "public/b", "private/c"]


def test_a_name_with_a_slash_works_where_its_directory_is(plan):
    line, main = "a/b unix - - n - - smtp\n", f"queue_directory = {plan.path}/q\n"
    with pytest.raises(ConfigError) as error:
        plan(line, main)
    assert error.value.remedy == f"write a name without a slash, or make the directory {plan.path}/q/private/a"
    (plan.path / "q/private/a").mkdir(parents=True)
    assert plan(line, main).services["a/b/unix"].trigger.name == "private/a/b"
