"""Where the files of a folder are, on the disk or in a zip, which program they belong to."""

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.imported import Rejected
from newsletter.posts.importers.pictures import SUFFIXES, ArchiveFinder, Finder, FolderFinder, Found

PICTURE_ROOTS = ("static", "source", "assets", "public", "content", "docs", "website/static", "src")
_INNER = {"_posts", "_drafts", "source", "content", "posts", "post", "blog", "docs"}  # folders of a site with its texts
_INNER_DEEPEST = 3
# By program: files one of which it keeps beside the texts. The first that fits counts.
PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Obsidian", (".obsidian/app.json", ".obsidian/workspace.json", ".obsidian/appearance.json")),
    ("Docusaurus", ("docusaurus.config.js", "docusaurus.config.ts", "website/docusaurus.config.js")),
    ("Hugo", ("hugo.toml", "hugo.yaml", "hugo.json", "archetypes/default.md", "config/_default/hugo.toml")),
    ("Hexo", ("scaffolds/post.md", "_config.landscape.yml", "scaffolds/draft.md")),
    ("Jekyll", ("_config.yml", "_config.yaml")),
    ("Hugo", ("config.toml", "config/_default/config.toml", "config/_default/config.yaml")),
)


class Texts(Protocol):
    """The files of a folder. is_one: it is about one file alone, which was named."""

    is_one: bool

    @property
    def site(self) -> "Texts":
        """Return where the settings of the program are: here, or in a folder that this one lies in."""

    @property
    def names(self) -> Sequence[PurePosixPath]: ...
    @property
    def finders(self) -> Sequence[Finder]: ...
    def has(self, name: str) -> bool: ...
    def read(self, name: PurePosixPath, most: int) -> bytes:
        """Return the first bytes of a file. Raises Rejected."""


def program_of(has: Callable[[str], bool]) -> str:
    """Return the name of the program, or "Markdown" if nothing tells."""
    return next((program for program, names in PROGRAMS if any(map(has, names))), "Markdown")


class InFolder:
    """Files below a folder, or one of them."""

    def __init__(self, path: Path) -> None:
        self.path, self.is_one = path, not path.is_dir()
        self.root = path.parent if self.is_one else path

    @property
    def names(self) -> Sequence[PurePosixPath]:
        files = [self.path] if self.is_one else sorted(file for file in self.path.rglob("*") if file.is_file())
        return [PurePosixPath(file.relative_to(self.root).as_posix()) for file in files]

    @cached_property
    def finders(self) -> Sequence[Finder]:
        inner = [FolderFinder(self.root / name) for name in PICTURE_ROOTS if (self.root / name).is_dir()]
        return [FolderFinder(self.root), *inner, _ByName(self.root)]

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def read(self, name: PurePosixPath, most: int) -> bytes:
        file = self.root / name
        if not file.resolve().is_relative_to(self.root.resolve()):
            raise Rejected("it is a link to a file outside the folder")
        with file.open("rb") as opened:
            return opened.read(most)

    @cached_property
    def site(self) -> Texts:
        """Return the folder of the whole site, where only that of its texts was named: `source/_posts`, `content`."""
        if self.is_one or self.root.resolve().name not in _INNER or program_of(self.has) != "Markdown":
            return self
        outer = (InFolder(folder) for folder in self.root.resolve().parents[:_INNER_DEEPEST])
        return next((one for one in outer if program_of(one.has) != "Markdown"), self)


class InArchive:
    """Files of a zip; a folder that all of them are in does not count, as a zip of a repository has it."""

    is_one = False

    @property
    def site(self) -> Texts:
        return self

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        tops = {name.partition("/")[0] for name in archive.members}
        is_in_one = len(tops) == 1 and all("/" in name for name in archive.members)
        self.top = f"{tops.pop()}/" if is_in_one else ""

    @property
    def names(self) -> Sequence[PurePosixPath]:
        return sorted(PurePosixPath(name.removeprefix(self.top)) for name in self.archive.members)

    @property
    def finders(self) -> Sequence[Finder]:
        return [ArchiveFinder(self.archive, self.top)]

    def has(self, name: str) -> bool:
        return self.top + name in self.archive.members

    def read(self, name: PurePosixPath, most: int) -> bytes:
        return self.archive.read(f"{self.top}{name}", most)


class _ByName:
    """Finds a picture by its mere name, wherever it lies in a folder, if there is one of this name: Obsidian's way."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _places(self) -> dict[str, list[Path]]:
        places: dict[str, list[Path]] = {}
        for path in self.root.rglob("*"):
            if path.suffix.lower() in SUFFIXES and not path.is_symlink():
                places.setdefault(path.name, []).append(path)
        return places

    def find(self, address: str, folder: str) -> Found | None:
        if urlsplit(address).scheme or urlsplit(address).netloc:
            return None
        found = self._places.get(unquote(address).rpartition("/")[2], [])
        digests = {sha256(path.read_bytes()).digest() for path in found[:20]}
        if len(digests) != 1:
            return None
        return FolderFinder(self.root).find("/" + found[0].relative_to(self.root).as_posix(), "")
