"""Regular expressions that are compiled when they are first used.

One that has all of Chinese in brackets takes a millisecond or two to compile. All of ours took 0.1 s of each process
that loads Django, and most processes use few: docs/decisions/0107. From its first use on it is as fast as another.
"""

import re
from typing import Any, cast

METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "subn")


class Late:
    """What `re.compile` returns, as far as we use it."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern, self.flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """Compile it, and keep its methods, so that nobody comes here again."""
        if name not in METHODS:
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        for method in METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def compile_late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern as `re.compile` does, for a module that many processes load and few use."""
    return cast(re.Pattern[str], Late(pattern, flags))
