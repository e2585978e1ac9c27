"""A template loader that removes indentation, and lines which hold only tags, as Jinja's trim_blocks does.

html-validate's `no-trailing-whitespace` asks for it. Doing it in the finished page would change an author's white
space.
"""

import re

from django.template import Origin
from django.template.loaders.filesystem import Loader as FilesystemLoader

# Tags without output, or whose output ends its own line; mails are laid out by hand.
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
_LONE = re.compile(rf"^((?:{_SILENT})+)[ \t]*\n", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
_UNTRIMMED = "email/"


class TrimmingLoader(FilesystemLoader):
    def get_contents(self, origin: Origin) -> str:
        source: str = super().get_contents(origin)
        name = str(origin.template_name)
        return source if name.startswith(_UNTRIMMED) or not name.endswith(".html") else trim_tag_lines(source)


def trim_tag_lines(source: str) -> str:
    """The template source without indentation and lines on which only tags stand."""
    return _LONE.sub(r"\1", _INDENTATION.sub("", source))
