"""newaliases: build the tables that alias_database names. Manual page: sendmail(1); it is `sendmail -bi`, with all of
sendmail's options."""

import sys

from pyfix.commands.sendmail import main as sendmail


def main() -> int:
    """Entry point."""
    return sendmail(["newaliases", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
