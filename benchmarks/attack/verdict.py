"""What became of an attack."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Whether the product held, and the figures that say so."""

    is_held: bool
    figures: str


def held(is_held: bool, figures: str) -> Outcome:
    return Outcome(is_held, figures)
