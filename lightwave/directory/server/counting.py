"""What the LDAP side of a node has done, as plain integers that a metrics page reads.

On the hot path an answer costs one increment. Of searches that end in their first slice every sixteenth is timed
and counts for sixteen; what takes longer is timed always. Buckets are powers of two of a microsecond, so that
finding one is `int.bit_length`.
"""

from __future__ import annotations

from collections import defaultdict

BUCKETS = 32
"""the last one is for all that took longer than 2**30 µs"""
SAMPLE = 15
"""a mask: one of sixteen"""


class Latencies:
    """How long operations of one kind took. buckets[n]: those below 2**n µs and not below 2**(n-1)."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * BUCKETS
        self.seconds = 0.0

    def observe(self, seconds: float, weight: int = 1) -> None:
        """Count an operation, or as many as it stands for."""
        self.buckets[min(int(seconds * 1e6).bit_length(), BUCKETS - 1)] += weight
        self.seconds += seconds * weight


class OperationCounts:
    """Counts of a process. results: tag of the response << 16 | result code -> answers, successful searches aside."""

    __slots__ = ("latencies", "results", "searches")

    def __init__(self) -> None:
        self.searches = 0
        self.results: defaultdict[int, int] = defaultdict(int)
        self.latencies: defaultdict[int, Latencies] = defaultdict(Latencies)
        """by the tag of the response"""
