"""From Markdown to HTML for web and mail; `render` puts the parts together.

Who only may come to render asks for `markdown.render`, which is then loaded: 4 MB that a lane does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.posts.markdown import highlighting, render, typed_tags

__all__ = ["RENDERER_VERSION", "highlighting", "render", "typed_tags"]

RENDERER_VERSION = "10"
"""Changes whenever the same source may give other HTML or other measures (`text`): all is then rendered anew."""


def __getattr__(name: str) -> Any:
    """Return a module of this package that nobody has loaded yet."""
    if name not in __all__:
        raise AttributeError(name)
    return import_module(f"{__name__}.{name}")
