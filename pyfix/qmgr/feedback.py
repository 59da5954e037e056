"""What destination_concurrency_feedback_debug logs: each step of a destination's window, in the words of Postfix's qmgr.

Law: postconf(5) destination_concurrency_feedback_debug. The scheduler calls what `tracer` gives; where the parameter is
off it has nothing to call.
"""

from collections.abc import Callable
from typing import Any

from pyfix.qmgr.scheduler import Site

Trace = Callable[[str, Site, float], None]


def tracer(log: Any) -> Trace:
    """What logs the steps to `log`: called with the name of Postfix's function, the site and the feedback (0: none)."""
    def trace(function: str, site: Site, step: float) -> None:
        if step:
            log.info(f"{function}: feedback {step:g}")
        window, success, failure = (0, 0, 0) if site.dead else (site.window, site.success, site.failure)
        log.info(f"{function}: queue {site.nexthop}: limit {site.transport.limits.concurrency} window {window:g} "
                 f"success {success:g} failure {failure:g} fail_cohorts {site.fail_cohorts:g}")
    return trace
