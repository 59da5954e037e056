"""postmulti: the same command for several instances of the mail system. Manual page: postmulti(1), postfix-wrapper(5).

Law: the primary instance is the one in the default configuration directory; the others are those that its
multi_instance_directories names, in that order. With -p, commands of postmulti_start_commands become `check` for an instance that is
not enabled, those of postmulti_stop_commands go backwards and pass it by, those of postmulti_control_commands pass it by.
"""

import getopt
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.queued import load
from pyfix.config import Config, snapshot
from pyfix.errors import PyfixError

USAGE = ("usage: postmulti -l [-aRv] [-g group] [-i name] | postmulti -p [-av] [-g group] [-i name] postfix-command... | "
         "postmulti -x [-aRv] [-g group] [-i name] unix-command... | postmulti -e init|enable|disable|assign|import|deport "
         "[-i name] [-I name] [-G group] [config_directory=path]")
WRAPPER = "${command_directory}/postmulti -p --"
SHARED = ("daemon_directory", "command_directory", "queue_directory", "data_directory")
ABSENT = ("create", "destroy")


class Instance(NamedTuple):
    """One instance: its directory, name and group ("" for none), whether it is enabled, and its configuration."""

    directory: str
    name: str
    group: str
    enabled: bool
    config: Config

    def line(self) -> str:
        """What -l shows of it."""
        return f"{self.name or '-':<15} {self.group or '-':<15} {'y' if self.enabled else 'n':<9} {self.directory}"


def primary_directory() -> str:
    """The primary instance's configuration. Raises Failure where the environment names another one."""
    default = snapshot.DEFAULT_DIRECTORY
    named = os.environ.get("MAIL_CONFIG", default)
    if os.path.normpath(named) != os.path.normpath(default):
        raise Failure(f"MAIL_CONFIG={named}: postmulti works from the default configuration directory, {default}; unset MAIL_CONFIG")
    return default


def instances() -> list[Instance]:
    """All of them, the primary first. Raises Failure."""
    directory = primary_directory()
    others = others_of(load(directory))
    return [_instance(directory, always=not others), *(_instance(one) for one in others)]


def others_of(config: Config) -> list[str]:
    """The directories in multi_instance_directories."""
    return config.multi_instance_directories.replace(",", " ").split()


def _instance(directory: str, always: bool = False) -> Instance:
    config = load(directory)
    return Instance(directory, config.multi_instance_name, config.multi_instance_group,
                    always or config.multi_instance_enable, config)


def chosen(all_of_them: Iterable[Instance], name: str | None, group: str | None) -> list[Instance]:
    """Those that -i and -g mean: a name, a directory or "-" for the primary; a group."""
    found = list(all_of_them)
    if name == "-":
        return found[:1]
    return [one for one in found if (name is None or name in (one.name, one.directory)) and (group is None or group == one.group)]


def environment(one: Instance) -> dict[str, str]:
    """What a command of -x finds in its environment."""
    told = {name: one.config[name] for name in SHARED}
    return {**os.environ, **told, "MAIL_CONFIG": one.directory, "config_directory": one.directory, "multi_instance_name": one.name,
            "multi_instance_group": one.group, "multi_instance_enable": "yes" if one.enabled else "no"}


def execute(some: list[Instance], command: list[str]) -> int:
    """-x: the command for each; 1 where one failed."""
    return max((_run(one, command) for one in some), default=0)


def _run(one: Instance, command: list[str]) -> int:
    try:
        return int(subprocess.run(command, env=environment(one), check=False).returncode != 0)
    except OSError as error:
        return fatal("postmulti", f"{command[0]}: {error.strerror}")


def wrapped(primary: Config, some: list[Instance], command: list[str]) -> int:
    """-p: `postfix command` for each that it is meant for; 1 where one failed."""
    verb = command[0]
    start, stop, control = (verb in primary[f"postmulti_{kind}_commands"].replace(",", " ").split()
                            for kind in ("start", "stop", "control"))
    status = 0
    for one in reversed(some) if stop else some:
        if one.enabled or not (stop or control):
            words = ["check"] if start and not one.enabled else command
            status |= _run(one, [sys.executable, "-I", "-m", "pyfix.commands.postfix", "-c", one.directory, *words])
    return status


def edit(directory: str, **values: str) -> None:
    """Set parameters in a main.cf. Raises Failure."""
    argv = [sys.executable, "-I", "-m", "pyfix.commands.postconf", "-c", directory, "-e",
            *(f"{name}={value}" for name, value in values.items())]
    if subprocess.run(argv, check=False).returncode:
        raise Failure(f"{directory}/main.cf was not changed")


def labels(given: dict[str, str]) -> dict[str, str]:
    """The parameters that -I and -G set; "-" empties them. Raises Failure."""
    found = {}
    if "-I" in given:
        found["multi_instance_name"] = name = "" if given["-I"] == "-" else given["-I"]
        if name and not name.startswith("postfix-"):
            raise Failure(f"instance name {name}: it must start with \"postfix-\"")
        if name and any(one.name == name for one in instances()):
            raise Failure(f"instance name {name} is in use")
    if "-G" in given:
        found["multi_instance_group"] = "" if given["-G"] == "-" else given["-G"]
    return found


class Life:
    """-e: the actions, by their names."""

    def __init__(self, given: dict[str, str], words: list[str]) -> None:
        self.given, self.words, self.primary = given, words, primary_directory()

    def init(self) -> None:
        """Make the primary instance's `postfix` command go through all instances."""
        edit(self.primary, multi_instance_wrapper=WRAPPER, multi_instance_enable="yes")

    def enable(self) -> None:
        """Let it be started with the others."""
        edit(self._one().directory, multi_instance_enable="yes")

    def disable(self) -> None:
        """Let it alone."""
        edit(self._one().directory, multi_instance_enable="no")

    def assign(self) -> None:
        """Another name, another group."""
        if not {"-I", "-G"} & self.given.keys():
            raise Failure("-e assign needs -I name or -G group")
        edit(self._one().directory, **labels(self.given))

    def deport(self) -> None:
        """Take it off the primary's list; its files stay."""
        one = self._one()
        if one.directory == self.primary:
            raise Failure("the primary instance can't be deported")
        edit(self.primary, multi_instance_directories=" ".join(self._others(one.directory)))

    def adopt(self) -> None:
        """import: put an instance that is there on the primary's list."""
        found = dict(word.partition("=")[::2] for word in self.words)
        directory = found.pop("config_directory", "")
        if not directory and "-I" in self.given:
            directory = os.path.join(os.path.dirname(self.primary), self.given["-I"])
        if found or not directory.startswith("/"):
            raise Failure("-e import needs -I name or config_directory=/path, and nothing else")
        if directory in self._others() or directory == self.primary:
            raise Failure(f"{directory} is on the list of instances already")
        if not all(os.path.isfile(os.path.join(directory, name)) for name in ("main.cf", "master.cf")):
            raise Failure(f"{directory} has no main.cf and master.cf")
        if values := labels(self.given):
            edit(directory, **values)
        edit(self.primary, multi_instance_directories=" ".join([*self._others(), directory]))

    def _others(self, without: str = "") -> list[str]:
        return [one for one in others_of(load(self.primary)) if one != without]

    def _one(self) -> Instance:
        if "-i" not in self.given:
            raise Failure("this action needs -i name; \"-\" is the primary instance")
        if not load(self.primary).multi_instance_wrapper:
            raise Failure("run \"postmulti -e init\" first")
        found = chosen(instances(), self.given["-i"], None)
        if len(found) != 1:
            raise Failure(f"{self.given['-i']}: no such instance; see \"postmulti -l\"")
        return found[0]


ACTIONS = {"init": Life.init, "enable": Life.enable, "disable": Life.disable, "assign": Life.assign, "deport": Life.deport,
           "import": Life.adopt}


def act(action: str, given: dict[str, str], words: list[str]) -> int:
    """-e. Raises Failure."""
    if action in ABSENT:
        raise Failure(f"-e {action} is not built: make or remove the instance's directories by hand, and use -e import or -e deport")
    if action not in ACTIONS:
        raise Failure(f"unknown action: {action}. {USAGE}")
    ACTIONS[action](Life(given, words))
    return 0


def run(argv: list[str]) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, words = getopt.getopt(argv, "ae:g:i:G:I:lpRvx")
    except getopt.GetoptError as error:
        print(complaint("postmulti", error), file=sys.stderr)
        raise Failure(USAGE) from None
    given = dict(options)
    modes = [name for name in ("-l", "-p", "-x", "-e") if name in given]
    if len(modes) != 1 or sum(name in given for name in "-a -g -i".split()) > 1:
        raise Failure(USAGE)
    if modes == ["-e"]:
        return act(given["-e"], given, words)
    if (modes == ["-l"]) == bool(words) or "-R" in given and modes == ["-p"]:
        raise Failure(USAGE)
    everyone = instances()
    some = chosen(everyone, given.get("-i"), given.get("-g"))
    some = some[::-1] if "-R" in given else some
    if modes == ["-l"]:
        print("".join(one.line() + "\n" for one in some), end="")
        return 0
    return wrapped(everyone[0].config, some, words) if modes == ["-p"] else execute(some, words)


def main() -> int:
    """Entry point."""
    try:
        return run(sys.argv[1:])
    except (Failure, PyfixError, OSError) as error:
        return fatal("postmulti", str(error))


if __name__ == "__main__":
    sys.exit(main())
