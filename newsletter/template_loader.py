"""Templates without the lines that only their tags need, as Jinja's trim_blocks and lstrip_blocks would have it.

The rule `no-trailing-whitespace` of html-validate asks for it. In a finished page such white space may be an author's.
"""

import re

from django.template import Origin
from django.template.loaders.filesystem import Loader as FilesystemLoader

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
    def get_contents(self, origin: Origin) -> str:
        source: str = super().get_contents(origin)
        name = str(origin.template_name)
        return source if name.startswith(_AS_TYPED) or not name.endswith(".html") else tidied(source)


def tidied(source: str) -> str:
    """Return a template that shows the same without the lines on which only tags stand."""
    return _LONE.sub(r"\1", _INDENTED.sub("", source))
