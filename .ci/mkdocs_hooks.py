"""What the site has beside docs/: README, CONTRIBUTING and SECURITY, and links as the site needs them."""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
FROM_ROOT = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
ITEM = re.compile(r"(?:-|\d+\.) +")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for uri, name in FROM_ROOT.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link to its page; what is not in the site is on the repository's page, or only named without one."""
    source = FROM_ROOT.get(page.file.src_uri) or f"docs/{page.file.src_uri}"

    def rewrite(found: re.Match[str]) -> str:
        image, words, target, fragment = found.groups("")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        uri = next((uri for uri, name in FROM_ROOT.items() if name == path), path.removeprefix("docs/"))
        uri = f"{uri}/README.md" if files.get_file_from_path(f"{uri}/README.md") else uri
        if files.get_file_from_path(uri):
            here = posixpath.dirname(page.file.src_uri) or "."
            return f"{image}[{words}]({posixpath.relpath(uri, here)}{fragment})"
        if not (ROOT / path).exists():
            return found[0]  # which MkDocs reports
        repository = os.environ.get("REPOSITORY", "")
        return f"[{words}]({repository}/blob/main/{path})" if repository else words

    return LINK.sub(rewrite, _indent_items(markdown))


def _indent_items(markdown: str) -> str:
    """On GitHub an item of a list goes on below its first word, in Python-Markdown four columns in."""
    lines, width, is_fenced = [], 0, False
    for line in markdown.split("\n"):
        indent, item = len(line) - len(line.lstrip()), ITEM.match(line)
        is_fenced ^= line.startswith("```")
        if not is_fenced and line:
            width = item.end() if item else width * (indent >= width)
        lines.append(line if item or is_fenced or not line else " " * (4 - width) * bool(width) + line)
    return "\n".join(lines)
