"""newaliases(1): build the tables that alias_database names, as `sendmail -bi` does."""

from __future__ import annotations

import os
import sys

from ..errors import ConfigError
from ..maps.braces import tokens
from .postalias import USAGE, read_source
from .table_tool import Tool


def main() -> int:
    """The command. Options of Sendmail's newaliases are accepted; -C names main.cf, -v is verbose."""
    arguments = sys.argv[1:]
    tool = Tool("newaliases", "", USAGE, read_source)
    directory = ""
    while arguments:
        option = arguments.pop(0)
        if option == "-C" and arguments:
            directory = os.path.dirname(arguments.pop(0)) or "."
        elif not option.startswith("-"):
            tool.say("fatal", "alias initialization mode requires no recipient")
            return 64
    if directory:
        os.environ["MAIL_CONFIG"] = directory
    from ..config import Config

    try:
        databases = tokens(Config.load(directory)["alias_database"])
    except ConfigError as error:
        tool.say("fatal", str(error))
        return 1
    builder = Tool("postalias", "", USAGE, read_source)
    return builder.run(databases) if databases else 0


if __name__ == "__main__":
    sys.exit(main())
