"""postfix: start, stop, reload, look after the mail system.

Law: postfix(1). Messages are those of Postfix's postfix-script, which scripts read:
`postfix/postfix-script: starting the Postfix mail system`.
"""

import contextlib
import getopt
import os
import signal
import subprocess
import sys
import time

from pyfix.commands.common import Failure, fatal
from pyfix.config import Config, config_directory
from pyfix.errors import ConfigError, PyfixError
from pyfix.master import lock, spool
from pyfix.master.logfile import LogFile, check_prefix
from pyfix.master.plan import Plan, load
from pyfix.telemetry.maillog import CommandLog

USAGE = "Usage: postfix start (or stop, reload, abort, flush, check, status, logrotate)"
STOP_TRIES = 5              # seconds that `stop` waits before it uses force


class ScriptLog(CommandLog):
    """Ordinary messages are shown on a terminal only, as Postfix does; trouble always."""

    @property
    def told_as(self) -> str:
        """Postfix's script names itself in full."""
        return "postfix/postfix-script"

    def _tell(self, label: str, text: str | bytes) -> None:
        if label or sys.stderr.isatty():
            super()._tell(label, text)


class Script:
    """One run of the command: the configuration, the log, and the sub-commands as methods."""

    def __init__(self, directory: str, words: list[str]) -> None:
        self.directory, self.words = directory, words
        self.config = Config.load(directory)
        self.log = ScriptLog(self.config, "postfix-script")

    @property
    def pid_file(self) -> str:
        """Full name of the master's lock file."""
        return os.path.join(self.config.queue_directory, lock.PID_FILE)

    def running(self) -> int:
        """Process id of the running master, 0 if there is none. Raises Failure."""
        try:
            return lock.running(self.pid_file)
        except PermissionError:
            raise Failure("this command is reserved for the superuser") from None

    def must_run(self) -> int:
        """Process id of the master; without one this is the end."""
        pid = self.running()
        if not pid:
            self.log.fatal("the Postfix mail system is not running")
            raise SystemExit(1)
        return pid

    # -- sub-commands ---------------------------------------------------------------------

    def start(self) -> int:
        """Start in the background."""
        self._prepare()
        ours, theirs = os.pipe()
        argv = [sys.executable, "-I", "-m", "pyfix.master", "-c", self.directory, "-r", str(theirs)]
        devnull = os.open(os.devnull, os.O_RDWR)
        to_stdout = self.config.maillog_file == "/dev/stdout"
        subprocess.Popen(argv, pass_fds=[theirs], start_new_session=True, stdin=devnull,
                         stdout=None if to_stdout else devnull, stderr=None if to_stdout else devnull)
        os.close(theirs)
        with open(ours, "rb") as answer:
            text = answer.read()
        if text == b"ok":
            return 0
        self.log.fatal(text or b"the master process ended without a word")
        self.log.fatal("mail system startup failed")
        return 1

    def start_fg(self) -> int:
        """Become master in the foreground."""
        self._prepare()
        os.execv(sys.executable, [sys.executable, "-I", "-m", "pyfix.master", "-c", self.directory])

    def _prepare(self) -> None:
        if self.running():
            self.log.fatal("the Postfix mail system is already running")
            raise SystemExit(1)
        self._check()
        self.log.info("starting the Postfix mail system")

    def _check(self) -> Plan:
        plan = load(self.directory)
        check_prefix(plan.config.maillog_file, plan.config)
        spool.make(plan.config)
        for text in spool.complaints(plan.config):
            self.log.warning(text)
        return plan

    def check(self) -> int:
        """Make missing directories, warn of wrong owners and modes, and of what has no effect in the configuration."""
        for text in self._check().warnings:
            self.log.warning(text)
        return 0

    def stop(self) -> int:
        """Stop: what is under way gets a few seconds."""
        pid = self.must_run()
        self.log.info("stopping the Postfix mail system")
        os.kill(pid, signal.SIGTERM)
        for _ in range(STOP_TRIES):
            if self._gone_within(1.0):
                return 0
            self.log.info("waiting for the Postfix mail system to terminate")
        self.log.warning("stopping the Postfix mail system with force")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)        # the others leave when they see that master is gone
        return 0

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def abort(self) -> int:
        """Stop at once."""
        pid = self.must_run()
        self.log.info("aborting the Postfix mail system")
        os.kill(pid, signal.SIGQUIT)
        self._gone_within(2.0)
        return 0

    def reload(self) -> int:
        """Have master read the configuration again; a bad one is named here and changes nothing."""
        pid = self.must_run()
        load(self.directory)
        self.log.info("refreshing the Postfix mail system")
        os.kill(pid, signal.SIGHUP)
        return 0

    def status(self) -> int:
        """Say whether it runs."""
        pid = self.running()
        self.log.info(f"the Postfix mail system is running: PID: {pid}" if pid else
                      "the Postfix mail system is not running")
        return 0 if pid else 1

    def flush(self) -> int:
        """Try all deferred mail now: `postqueue -f`."""
        argv = [sys.executable, "-I", "-m", "pyfix.commands.postqueue", "-c", self.directory, "-f"]
        return subprocess.run(argv, check=False).returncode

    def logrotate(self) -> int:
        """Rename maillog_file, have it opened anew, compress the old one. Raises Failure."""
        if self.words:
            raise Failure("usage postfix logrotate (no arguments)")
        for name in ("maillog_file", "maillog_file_compressor", "maillog_file_rotate_suffix"):
            if not self.config[name]:
                raise Failure(f"empty '{name}' parameter value - logfile rotation failed")
        path = self.config.maillog_file
        if path.startswith("/dev/"):
            raise Failure(f"not rotating '{path}'")
        old = path + "." + time.strftime(self.config["maillog_file_rotate_suffix"])
        try:
            os.rename(path, old)
            LogFile(self.config)
            if pid := self.running():
                os.kill(pid, signal.SIGUSR1)
                time.sleep(1.0)                 # the processes get the new file over their status sockets
            subprocess.run([*self.config["maillog_file_compressor"].split(), old], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise Failure(f"logfile '{path}' rotation failed: {error}") from None
        return 0

    def set_permissions(self) -> int:
        """Set the parameters that are given as name=value, and put owners and modes of the queue right."""
        self._edit()
        self._check()
        return 0

    def upgrade_configuration(self) -> int:
        """Set the parameters that are given; nothing else has to be added, but what is wrong with the files is said."""
        self._edit()
        load(self.directory)
        return 0

    def _edit(self) -> None:
        """postconf -e for the words behind the command. Raises Failure."""
        if self.words:
            argv = [sys.executable, "-I", "-m", "pyfix.commands.postconf", "-c", self.directory, "-e", *self.words]
            if subprocess.run(argv, check=False).returncode:
                raise Failure("main.cf was not changed")


COMMANDS = {"start": Script.start, "start-fg": Script.start_fg, "stop": Script.stop, "abort": Script.abort,
            "reload": Script.reload, "status": Script.status, "check": Script.check, "flush": Script.flush,
            "logrotate": Script.logrotate, "set-permissions": Script.set_permissions,
            "upgrade-configuration": Script.upgrade_configuration, "drain": Script.stop, "quick-stop": Script.stop,
            "quick-start": Script.start}
# what Postfix has and we have not: why
ABSENT = {
    "tls": "TLS is not built yet, so there are no keys and certificates to manage",
    "non-bdb": "hash: and btree: are no Berkeley DB tables here, so there is nothing to migrate; see tables.md",
    "post-install": "nothing has to be installed after the package; \"postfix set-permissions\" puts the queue right",
    "upgrade-source": "install the new package instead; the queue and the configuration stay as they are",
    "upgrade-package": "install the new package instead; the queue and the configuration stay as they are",
    "create-missing": "\"postfix start\" and \"postfix set-permissions\" make missing queue directories"}


def for_each_instance(config: Config, words: list[str]) -> int:
    """Leave it to multi_instance_wrapper (postfix-wrapper(5)); `postmulti` there is ours. Raises Failure."""
    wrapper = config.multi_instance_wrapper.split()
    if not wrapper:
        raise Failure("multi_instance_directories is set and multi_instance_wrapper is empty: run \"postmulti -e init\", "
                      "or name one instance with -c")
    ours = os.path.basename(wrapper[0]) == "postmulti"
    program = [sys.executable, "-I", "-m", "pyfix.commands.postmulti"] if ours else wrapper[:1]
    told = {name: config[name] for name in ("command_directory", "daemon_directory", "queue_directory", "data_directory")}
    directory = os.path.abspath(config_directory())
    return subprocess.run([*program, *wrapper[1:], *words], check=False,
                          env={**os.environ, **told, "MAIL_CONFIG": directory, "config_directory": directory}).returncode


def run(argv: list[str]) -> int:
    """The command, without its error handling."""
    try:
        options, words = getopt.getopt(argv, "c:Dv")
    except getopt.GetoptError as error:
        raise Failure(f"{error}. usage: postfix [-c config_dir] [-Dv] command") from None
    directory = os.path.abspath(config_directory(dict(options).get("-c", "")))
    command = words[0] if words else ""
    script = Script(directory, words[1:])
    if words and not dict(options).get("-c") and "MAIL_CONFIG" not in os.environ and script.config.multi_instance_directories:
        return for_each_instance(script.config, words)
    if command not in COMMANDS:
        script.log.fatal(f"there is no \"postfix {command}\" here: {ABSENT[command]}" if command in ABSENT else
                         f"unknown command: '{command}'. {USAGE}")
        return 1
    try:
        return COMMANDS[command](script)
    except (PyfixError, Failure) as error:
        script.log.fatal(str(error))
        return 1


def main() -> int:
    """Entry point of the `postfix` command."""
    try:
        return run(sys.argv[1:])
    except (ConfigError, Failure, OSError) as error:
        return fatal("postfix", str(error))


if __name__ == "__main__":
    sys.exit(main())
