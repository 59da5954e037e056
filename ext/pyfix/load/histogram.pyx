"""Counts of values in buckets whose width grows with the value: percentiles of latency to three digits.

The law: values below 2,048 are counted exactly, above that each power of two has 1,024 buckets, so that a
percentile is never more than 0.1 % too high and never too low (the idea is Gil Tene's HdrHistogram). Adding is
a few instructions and takes no memory; two histograms are merged by adding their counts, so processes can be summed.

Values are whole numbers of any unit (here microseconds), 0 to 2**37 - 1; what is outside counts as the nearest that fits.
"""

from libc.stdlib cimport calloc, free

cdef extern from *:
    """
    static inline int pyfix_bits(unsigned long long v) { return v ? 64 - __builtin_clzll(v) : 0; }
    """
    int pyfix_bits(unsigned long long v) noexcept nogil

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)


cdef inline int bucket_of(int64_t value) noexcept nogil:
    cdef int shift = pyfix_bits(value) - 11
    return <int>value if shift <= 0 else shift * HALF + <int>(value >> shift)


cdef inline int64_t top_of(int bucket) noexcept nogil:
    """The highest value that the bucket counts."""
    cdef int shift
    if bucket < SUB:
        return bucket
    shift = bucket // HALF - 1
    return ((<int64_t>(bucket - shift * HALF) + 1) << shift) - 1


cdef class Histogram:
    """An empty histogram. count, low, high are those of the values added."""

    def __cinit__(self):
        self.counts = <uint64_t*>calloc(BUCKETS, sizeof(uint64_t))
        if self.counts == NULL:
            raise MemoryError()
        self.low = -1

    def __dealloc__(self):
        free(self.counts)

    cdef void add(self, int64_t value) noexcept nogil:
        if value < 0:
            value = 0
        elif value >> 37:
            value = (<int64_t>1 << 37) - 1
        self.counts[bucket_of(value)] += 1
        self.count += 1
        self.total += value
        if value > self.high:
            self.high = value
        if self.low < 0 or value < self.low:
            self.low = value

    def record(self, value: int) -> None:
        """Counts one value."""
        self.add(value)

    def percentile(self, double percent) -> int:
        """The value that `percent` of all values do not exceed; 0 when there are none."""
        cdef uint64_t seen = 0
        cdef double wanted = self.count * percent / 100.0
        cdef int i
        if self.count == 0:
            return 0
        for i in range(BUCKETS):
            seen += self.counts[i]
            if seen and seen >= wanted:
                return min(top_of(i), self.high)
        return self.high

    @property
    def mean(self) -> float:
        """Arithmetic mean, 0.0 of nothing."""
        return self.total / self.count if self.count else 0.0

    def clear(self) -> None:
        """Forgets everything."""
        cdef int i
        for i in range(BUCKETS):
            self.counts[i] = 0
        self.count, self.total, self.low, self.high = 0, 0.0, -1, 0

    def pack(self) -> dict:
        """All of it as JSON-able values, for merge() in another process."""
        cdef int i
        return {"low": self.low, "high": self.high, "total": self.total,
                "counts": [(i, self.counts[i]) for i in range(BUCKETS) if self.counts[i]]}

    def merge(self, packed: dict) -> None:
        """Adds what another one counted."""
        for bucket, number in packed["counts"]:
            if not 0 <= bucket < BUCKETS:
                raise ValueError(f"no bucket {bucket}")
            self.counts[<int>bucket] += number
            self.count += number
        self.total += packed["total"]
        self.high = max(self.high, <int64_t>packed["high"])
        if packed["low"] >= 0 and (self.low < 0 or packed["low"] < self.low):
            self.low = packed["low"]

    def summary(self, double scale=0.001) -> dict:
        """count, min, mean, max and p50 to p99.99, the values times `scale` (microseconds to milliseconds)."""
        result = {"count": self.count, "min": round(max(self.low, 0) * scale, 3), "mean": round(self.mean * scale, 3)}
        for percent in PERCENTILES:
            result[f"p{percent:g}"] = round(self.percentile(percent) * scale, 3)
        result["max"] = round(self.high * scale, 3)
        return result
