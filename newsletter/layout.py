"""Templates without the white space that only their source needs: a line with nothing but tags leaves none behind.

And their `{% url %}`, which looks an address up once.
"""

import re

from django import template
from django.template import Origin, defaulttags
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.loaders.filesystem import Loader as FilesystemLoader

register = template.Library()

# Tags that say nothing themselves, or end their own last line; mails are laid out by hand.
_REST = r"(?:(?!%\})[^\n])*%\}"
_SILENT = (
    r"\{#(?:(?!#\})[^\n])*#\}"
    r"|\{% comment %\}[^\n]*?\{% endcomment %\}"
    r"|\{% (?:else|endif|empty|endfor|endwith) %\}"
    rf"|\{{% (?:if|elif|for|with|load|extends|include|regroup|block|endblock) {_REST}"
    r"|\{% \w+ (?:(?:(?!%\})[^\n])* )?as \w+ %\}"
    r"|\{% blocktranslate (?:(?!%\})[^\n])*\basvar (?:(?!\{% endblock)[\s\S])*\{% endblocktranslate %\}"
    r"|\{\{ block\.super \}\}"
)
_LONE = re.compile(rf"^[ \t]*((?:{_SILENT})+)[ \t]*\n", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+(?=\{% (?:if|for) )", re.MULTILINE)  # what may show nothing shows no indent either
_AS_TYPED = "email/"


class Loader(FilesystemLoader):
    """Django's loader of files, as Jinja's trim_blocks and lstrip_blocks would have it."""

    def get_contents(self, origin: Origin) -> str:
        source: str = super().get_contents(origin)
        name = str(origin.template_name)
        return source if name.startswith(_AS_TYPED) or not name.endswith(".html") else tidied(source)


def tidied(source: str) -> str:
    """Return a template that shows the same without the lines on which only tags stand."""
    return _LONE.sub(r"\1", _INDENTED.sub("", source))


class FixedURLNode(defaulttags.URLNode):
    """An address without arguments, which is the same for as long as the process lives.

    A page has thirty such links, most of them in its frame: to look each up was a twentieth of what the page costs.
    """

    _address = ""

    def render(self, context: Context) -> str:
        if not self._address:
            rendered = super().render(context)
            self._address = str(context[self.asvar]) if self.asvar else rendered
        if not self.asvar:
            return self._address
        context[self.asvar] = self._address
        return ""


@register.tag
def url(parser: Parser, token: Token) -> defaulttags.URLNode:
    """Do what Django's own tag does."""
    node = defaulttags.url(parser, token)
    is_fixed = isinstance(node.view_name.var, str) and not (node.view_name.filters or node.args or node.kwargs)
    return FixedURLNode(node.view_name, [], {}, node.asvar) if is_fixed else node
