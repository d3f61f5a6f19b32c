"""Rate limits: a token bucket for each API key, and one for each address that sends unknown keys.

They live in the memory of one process: with several processes behind a balancer a key may do so many times as much.
They are there to keep one integration's runaway loop from slowing the others down, and guessing from being free; they
are no accounting.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from math import ceil

from app.core.clock import monotonic_seconds
from app.core.errors import ProblemError
from app.core.settings import Settings
from app.domain.errors import Code

_MOST_BUCKETS = 50_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Buckets:
    """Token buckets by name; one that has filled up again is as good as none, and dropped when there are many.

    Args:
        per_second: tokens that come back; 0 switches the limit off.
        burst: tokens of a full bucket.
        most: buckets kept.
        clock: seconds on a clock that never jumps.
    """

    per_second: float
    burst: float
    most: int = _MOST_BUCKETS
    clock: Callable[[], float] = monotonic_seconds
    _buckets: dict[bytes, _Bucket] = field(default_factory=dict)

    def wait_seconds(self, name: bytes) -> float:
        """How long until a token is there; 0 if one is."""
        bucket = self._buckets.get(name)
        if bucket is None or self.per_second <= 0:
            return 0.0
        missing = 1.0 - self._level(bucket, self.clock())
        return missing / self.per_second if missing > 0 else 0.0

    def take(self, name: bytes) -> float:
        """Take a token, if one is there; how long to wait if none is."""
        now = self.clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._add(name, now)
        if self.per_second <= 0:
            return 0.0
        bucket.tokens, bucket.at = self._level(bucket, now), now
        if bucket.tokens < 1.0:
            return (1.0 - bucket.tokens) / self.per_second
        bucket.tokens -= 1.0
        return 0.0

    def __contains__(self, name: bytes) -> bool:
        return name in self._buckets

    def forget(self, name: bytes) -> None:
        """Drop a bucket."""
        self._buckets.pop(name, None)

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(self.burst, bucket.tokens + (now - bucket.at) * self.per_second)

    def _add(self, name: bytes, now: float) -> _Bucket:
        if len(self._buckets) >= self.most:
            full = [key for key, bucket in self._buckets.items() if self._level(bucket, now) >= self.burst]
            # Where none is full, the oldest half: a limit that forgets is better than memory that grows.
            for key in full or list(self._buckets)[: self.most // 2]:
                del self._buckets[key]
        bucket = self._buckets[name] = _Bucket(self.burst, now)
        return bucket


@dataclass(slots=True)
class RateLimiter:
    """The limits of one process."""

    keys: Buckets
    strangers: Buckets

    @classmethod
    def from_settings(cls, settings: Settings) -> "RateLimiter":
        """Limits as the settings say."""
        unknown = settings.unknown_key_limit_per_second
        return cls(
            Buckets(settings.rate_limit_per_second, max(1, settings.rate_limit_burst)),
            Buckets(unknown, max(1, unknown)),
        )

    def admit(self, key: str, address: str) -> None:
        """Let a request in before its key has been looked up, which costs a query.

        Only whoever holds the whole key draws from its bucket, so that nobody else can empty it; and a key that was
        found before is let in whatever else comes from its address, which may be a proxy's.

        Raises:
            ProblemError: 429 with the seconds to wait.
        """
        name = _name(key)
        known = name in self.keys
        wait = self.keys.take(name) if known else self.strangers.wait_seconds(address.encode())
        if wait > 0:
            raise _too_many(wait, of_key=known)

    def found(self, key: str) -> None:
        """The key is good: from now on it has a bucket of its own."""
        name = _name(key)
        if name not in self.keys:
            self.keys.take(name)

    def refused(self, key: str, address: str) -> None:
        """The key is not known, or no longer good."""
        self.keys.forget(_name(key))
        self.strangers.take(address.encode())


def _name(key: str) -> bytes:
    # Not the key itself: a dump of the process's memory should not be a list of keys.
    return sha256(key.encode()).digest()


def _too_many(wait: float, *, of_key: bool) -> ProblemError:
    whose = "This API key sends" if of_key else "This address sends requests with unknown API keys or links"
    return ProblemError(
        429,
        Code.rate_limited,
        f"{whose} too fast; wait as many seconds as Retry-After says and go on more slowly.",
        headers={"Retry-After": str(max(1, ceil(wait)))},
    )
