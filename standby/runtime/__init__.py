"""The pair runtime: joins domain, link and journal in the standby worker's process."""

from standby.runtime.core import PairRuntime
from standby.runtime.current import current, set_current

__all__ = ["PairRuntime", "current", "set_current"]
