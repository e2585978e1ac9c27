"""Whether a file of another program was meant to be read by everybody. Pure.

Sources: the front matter of Jekyll (`published`, `_drafts/`), Hugo (`draft`, `_build`), Hexo (`published`,
`source/_drafts/`), Docusaurus (`draft`, `unlisted`), Obsidian Publish (`publish`), Astro and Eleventy (`draft`), and of
the exports of Ghost (`status`, `visibility`).
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from newsletter.posts.importers.front_matter import Value

YES, NO = {"true", "yes", "on", "1", "y"}, {"false", "no", "off", "0", "n"}
HIDES_IF_YES = {"draft", "unlisted", "hidden", "private", "ignore", "wip", "archived", "members_only", "paid"}
HIDES_IF_NO = {"published", "publish", "public", "visible", "listed", "render"}
STATES = {"status", "visibility", "access", "state"}  # keys whose value is a word
PUBLIC_STATES = {"published", "publish", "public", "visible", "open", "everyone", "all", "live", "done"}
SECRETS = {"password", "passwd", "passphrase"}  # Hexo's and WordPress's ways to ask a reader for a word
# Keys that look as if they said who may read, and that nobody has looked at.
SUSPICIOUS = (
    "visib",
    "publi",
    "draft",
    "privat",
    "hidden",
    "secret",
    "member",
    "paywall",
    "access",
    "restrict",
    "protect",
)
KNOWN = HIDES_IF_YES | HIDES_IF_NO | STATES | SECRETS | {"published_at", "publishdate", "date_published", "pubdate"}


def is_yes_or_no(text: str) -> bool:
    return text.lower() in YES | NO


def is_hidden(fields: Mapping[str, Value], name: PurePath) -> bool:
    """Return whether an article must come in as a draft, date or not. name: of its file in the folder."""
    return any(part in {"_drafts", "drafts"} for part in name.parts[:-1]) or any(
        _hides(key, value) for key, value in fields.items()
    )


def is_behind_a_password(fields: Mapping[str, Value]) -> bool:
    return any(fields.get(key) for key in SECRETS)


def _hides(key: str, value: Value) -> bool:
    said = (value if isinstance(value, str) else " ".join(value)).lower()
    if key in SECRETS:
        return said != ""
    if key in STATES:
        return said not in PUBLIC_STATES | YES | {""}
    return (key in HIDES_IF_YES and said in YES) or (key in HIDES_IF_NO and said in NO)


def unknown_wishes(fields: Mapping[str, Value]) -> Iterator[str]:
    """Yield a sentence for each key that may say who may read, and that counts for nothing here."""
    for key, value in fields.items():
        if key not in KNOWN and any(part in key for part in SUSPICIOUS):
            said = value if isinstance(value, str) else ", ".join(value)
            yield f"its key {key!r} ({said}) says nothing to this importer"
