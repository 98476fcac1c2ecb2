"""Token buckets in Redis, shared by all processes: so much per second, and for a moment a burst of it."""

import structlog
from redis.exceptions import RedisError

from controlplane.core import wakeups

log = structlog.get_logger(__name__)

_PREFIX = "daggerboard:bucket:"
# A cost above the burst passes when the bucket is full, and leaves a debt: otherwise it could never pass.
_TAKE = """
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = math.min(burst, (tonumber(known[1]) or burst) + math.max(0, now - (tonumber(known[2]) or now)) * rate)
local wait = 0
if level >= math.min(cost, burst) then level = level - cost else wait = (math.min(cost, burst) - level) / rate end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - level) / rate * 1000) + 1000)
return tostring(wait)
"""


def take(name: str, *, per_second: float, burst: float, cost: float = 1.0) -> float:
    """Take `cost` out of the bucket; 0.0 when it was there, else the seconds until it will be, and nothing was taken.

    Without Redis nothing is limited: work goes on, as everything does that Redis only helps with.
    """
    try:
        answer = wakeups.client().eval(_TAKE, 1, _PREFIX + name, per_second, burst, cost)
    except RedisError as error:
        log.warning("rate_limit.not_counted", bucket=name, error=str(error))
        return 0.0
    return float(answer)
