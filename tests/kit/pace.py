"""How much slower a build with checks in it may be: tests that measure time multiply their limits by SLOWER.

`make sanitize` and `make checked` say which build it is in PYFIX_BUILD, as for setup.py.
"""

import os

SLOWER = {"sanitized": 6, "checked": 2}.get(os.environ.get("PYFIX_BUILD", ""), 1)
