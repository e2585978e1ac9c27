"""What an import leaves out or changes, named, with what that makes of the counts. Pure."""

from dataclasses import dataclass, field

from newsletter.posts.importers.html.counts import Counts


@dataclass(frozen=True)
class Remark:
    """A difference that is known.

    what: its kind, in words; detail: which one; effect: on the counts of the text.
    is_loss: whether readers miss something that the old page had.
    """

    what: str
    detail: str = ""
    effect: Counts = field(default_factory=Counts)
    is_loss: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what
