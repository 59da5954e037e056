"""The scheduler's window and its choice in plain Python: SCHEDULER_README's pseudocode, and a sort."""

from math import sqrt


class Window:
    """One destination's concurrency as SCHEDULER_README gives it; feedback is (value, "1" | "N" | "sqrt")."""

    def __init__(self, initial, limit, positive, negative, cohorts):
        self.initial, self.limit, self.positive, self.negative, self.cohorts = initial, limit, positive, negative, cohorts
        self.concurrency, self.success, self.failure, self.fail_cohorts, self.dead = initial, 0.0, 0.0, 0.0, False

    def _amount(self, feedback):
        value, per = feedback
        return value / {"1": 1, "N": self.concurrency, "sqrt": sqrt(self.concurrency)}[per]

    def well(self, busy):
        """A delivery that could talk to the site; `busy` counts it."""
        self.fail_cohorts = 0
        if self.concurrency < busy + self.initial:
            step = self._amount(self.positive)
            self.success += step
            while self.success + step / 2 >= 1:
                self.concurrency, self.success, self.failure = self.concurrency + 1, self.success - 1, 0
        if self.limit and self.concurrency > self.limit:
            self.concurrency = self.limit

    def failed(self):
        """A delivery that could not."""
        self.fail_cohorts += 1 / self.concurrency
        if self.cohorts and self.fail_cohorts >= self.cohorts - 1e-9:
            self.dead = True
            return
        step = self._amount(self.negative)
        self.failure -= step
        while self.failure - step / 2 < 0 < step:
            self.concurrency, self.failure, self.success = self.concurrency - 1, self.failure + 1, 0
        self.concurrency = max(self.concurrency, 1)
