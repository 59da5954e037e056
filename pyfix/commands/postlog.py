"""postlog: write a line to the mail log.

Law: postlog(1): `postlog [-iv] [-c config_dir] [-p priority] [-t tag] [text...]`; without text, a line for
each line of standard input. The line also goes to standard error where that is a terminal.
"""

import getopt
import os
import sys

from pyfix.commands.common import complaint, fatal
from pyfix.config import Config, config_directory
from pyfix.errors import ConfigError
from pyfix.telemetry.maillog import CommandLog, Maillog, facility_of, host_of

PRIORITIES = {"info": "info", "warn": "warning", "warning": "warning", "error": "error", "err": "error",
              "fatal": "fatal", "crit": "fatal", "panic": "panic"}


def run(argv: list[str]) -> int:
    """The command, without its error handling."""
    options, words = getopt.getopt(argv, "c:ip:t:v")
    given = dict(options)
    priority = given.get("-p", "info")
    if priority not in PRIORITIES:
        return fatal("postlog", f"unknown severity level: {priority}")
    config = Config.load(os.path.abspath(config_directory(given.get("-c", ""))))
    log = open_log(config, given.get("-t", f"{config.syslog_name}/postlog"))
    write = getattr(log, PRIORITIES[priority])
    if words:
        write(" ".join(words))
    else:
        for line in sys.stdin.buffer:
            write(line.rstrip(b"\r\n"))
    return 0


def open_log(config: Config, tag: str) -> Maillog:
    """A log whose lines bear that tag."""
    kind = CommandLog if sys.stderr.isatty() else Maillog
    log = kind(config, "postlog")
    log.setup(host_of(config), f"{tag}[{os.getpid()}]".encode("utf-8", "surrogateescape"), facility_of(config))
    return log


def main() -> int:
    """Entry point of `postlog`."""
    try:
        return run(sys.argv[1:])
    except getopt.GetoptError as error:
        print(complaint("postlog", error), file=sys.stderr)
        return fatal("postlog", "usage: postlog [-iv] [-c config_dir] [-p priority] [-t tag] [text...]")
    except (ConfigError, OSError) as error:
        return fatal("postlog", str(error))


if __name__ == "__main__":
    sys.exit(main())
