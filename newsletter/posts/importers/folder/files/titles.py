"""Links of Hexo that say only which post they lead to, and show its title: `{% post_link that-post %}`. Pure."""

import re
from collections.abc import Callable

from newsletter.posts.importers.folder.code import outside_code
from newsletter.posts.importers.html.inlines import Place, address, escaped

_LINK = re.compile(
    r"\{%-?\s*post_link\s+(?P<quote>[\"']?)(?P<slug>[^\s\"'%]{1,200})(?P=quote)\s*(?:true|false)?\s*-?%\}"
)


def with_titles(text: str, title_of: Callable[[str], str]) -> str:
    """Return the text with the title of the post in each such link. title_of: "" for a post that nobody knows."""

    def titled(found: re.Match[str]) -> str:
        title = title_of(found["slug"])
        return f"[{escaped(title, Place(in_link=True))}]({address(found['slug'])}.md)" if title else found[0]

    return outside_code(text, lambda part: _LINK.sub(titled, part)) if "post_link" in text else text
