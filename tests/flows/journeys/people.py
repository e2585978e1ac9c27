"""The persons of the journeys, each in front of a browser, in one small vocabulary.

What a person presses or fills in must be on the page, enabled, uncovered and within reach of the person's hands: a
mouse, a finger on a phone, or the keys alone. A file is attached by the browser's own file chooser, which a disabled
field does not open.
"""

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from PIL import Image

from newsletter.delivery import lane_process
from newsletter.delivery.models import Mailing

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WINDOW = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
HANDS = ("mouse", "finger", "keys")
TABS_MAX = 250  # presses of Tab that reach everything on a page
ROLES = ("button", "link", "checkbox", "radio", "menuitem", "tab", "option", "switch")
PATIENCE = 15_000  # ms
# What the clock does that no journey waits for: it looks at the whole installation, or outside.
WITHOUT = {"newsletter.operation.tasks.examine", "newsletter.operation.tasks.back_up"}
IS_REACHED = """element => {
    const reached = document.activeElement;
    const isRadio = element.type === "radio" && reached.type === "radio";
    return element === reached || (isRadio && element.name === reached.name);
}"""


@dataclass
class Person:
    """Somebody with a browser of their own. hands: one of HANDS. address: of their mailbox."""

    page: "Page"
    site: str
    hands: str
    address: str = ""

    # --- Where they go, and what they see ---

    def opens(self, url: str) -> None:
        """url: absolute, or a path of the site."""
        self.page.goto(url if "://" in url else self.site + url)
        self.sees_all_of_the_page()

    def sees_all_of_the_page(self) -> None:
        """Nothing is wider than the window."""
        self.page.wait_for_load_state()
        hidden = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert hidden <= 0, f"{self.page.url} is {hidden} px wider than the window"

    def sees(self, text: str, *, inside: str = "body") -> None:
        shown = self.page.locator(inside).get_by_text(text).locator("visible=true").first
        shown.wait_for()

    def does_not_see(self, text: str) -> None:
        shown = self.page.get_by_text(text).locator("visible=true")
        assert shown.count() == 0, f"{text!r} stands on {self.page.url}"

    # --- What they do ---

    def presses(self, name: str, *, inside: str = "body") -> None:
        """Press what has this whole name. inside: CSS of the part of the page, where a name stands twice."""
        target = self._named(name, inside)
        if self.hands == "mouse":
            target.click()
        elif self.hands == "finger":
            target.tap()
        else:
            self._reaches(target)
            self.page.keyboard.press("Space" if target.get_attribute("type") in {"checkbox", "radio"} else "Enter")

    def goes(self, name: str, *, inside: str = "body") -> None:
        """Press what leads to another page, and wait for that."""
        before = self.page.evaluate("performance.timeOrigin")
        self.presses(name, inside=inside)
        with ignoring_navigation():
            self.page.wait_for_function("before => performance.timeOrigin !== before", arg=before)
        self.sees_all_of_the_page()

    def types(self, **texts: str) -> None:
        """Fill in fields, each by the name it has in its form."""
        for name, text in texts.items():
            target = self._field(name)
            if self.hands == "keys":
                self._reaches(target)
            target.fill(text)

    def writes(self, label: str, text: str) -> None:
        """Fill in the field with this label."""
        target = self.page.get_by_label(label).locator("visible=true").first
        if self.hands == "keys":
            self._reaches(target)
        target.fill(text)

    def chooses(self, label: str, option: str) -> None:
        target = self.page.get_by_label(label).locator("visible=true").first
        if self.hands == "keys":
            self._reaches(target)
        target.select_option(label=option)

    def attaches(self, field: str, file: Path) -> None:
        """Choose a file in the window that the browser opens. field: its name in the form."""
        target = self._field(field)
        with self.page.expect_file_chooser() as opened:
            if self.hands == "keys":
                self._reaches(target)
                self.page.keyboard.press("Enter")
            elif self.hands == "finger":
                target.tap()
            else:
                target.click()
        opened.value.set_files(file)

    def downloads(self, name: str, *, inside: str = "body") -> bytes:
        with self.page.expect_download() as download:
            self.presses(name, inside=inside)
        return Path(download.value.path()).read_bytes()

    def _field(self, name: str) -> "Locator":
        return self.page.locator(f"[name='{name}']").locator("visible=true").first

    def _named(self, name: str, inside: str) -> "Locator":
        """The one that can be pressed; waits until there is one. Raises AssertionError if there are several."""
        part = self.page.locator(inside)
        found = part.get_by_role(ROLES[0], name=name, exact=True)
        for role in ROLES[1:]:
            found = found.or_(part.get_by_role(cast(Any, role), name=name, exact=True))
        found = found.locator("visible=true")
        found.first.wait_for()
        targets = {element.get_attribute("href") or number for number, element in enumerate(found.all())}
        assert len(targets) == 1, f"{found.count()} things on {self.page.url} are called {name!r}"
        return found.first

    def _reaches(self, target: "Locator") -> None:
        """Press Tab until the target has the focus; among radio buttons the arrows do."""
        target.wait_for()
        for _ in range(TABS_MAX):
            if target.evaluate(IS_REACHED):
                break
            self.page.keyboard.press("Tab")
        else:
            raise AssertionError(f"{TABS_MAX} presses of Tab on {self.page.url} do not reach {target}")
        for _ in range(TABS_MAX):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("ArrowDown")

    # --- Their mail ---

    def letters(self) -> list[EmailMultiAlternatives]:
        """All mails to their address, the oldest first."""
        received = [letter for letter in mail.outbox if self.address in letter.to[0]]
        return cast("list[EmailMultiAlternatives]", received)

    def got(self, subject: str) -> EmailMultiAlternatives:
        """The newest letter with these words in its subject."""
        letters = [letter for letter in self.letters() if subject in str(letter.subject)]
        assert letters, f"no {subject!r} for {self.address}, but {[str(letter.subject) for letter in self.letters()]}"
        return letters[-1]

    def opens_letter(self, subject: str) -> None:
        """Show a letter as a mail program does: its HTML, with all pictures."""
        letter = self.got(subject)
        self.page.goto(f"{self.site}/robots.txt")  # leaves the page before; a letter has no address of its own
        self.page.set_content(str(letter.alternatives[0][0]), wait_until="load")


@dataclass
class Author(Person):
    """Who writes and sends."""

    def is_at_the_desk(self) -> None:
        self.opens("/admin/")

    def opens_desk(self, name: str, *numbers: object) -> None:
        """Open a screen of the desk by the name of its address."""
        self.opens(reverse(f"admin:{name}", args=numbers))


class Machine:
    """What runs without a person: the clock's tasks, and the lane that sends."""

    def works(self) -> None:
        """Do what is due now, until nothing is left to do."""
        tasks = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] not in WITHOUT]
        for _ in range(2):  # what the first round has begun, the second ends
            for task in tasks:
                import_string(task).run()
            while lane_process.run_lane(0) is not None:
                pass
            for mailing in Mailing.objects.filter(state=Mailing.State.SENDING):
                mailing.finish(timezone.now())


def ignoring_navigation() -> Any:
    """A page that is replaced while it is asked cannot answer; the next question reaches the new one."""
    from playwright.sync_api import Error

    return suppress(Error)


def picture_file(folder: Path, name: str = "夜景.jpg", colour: str = "teal") -> Path:
    kept = BytesIO()
    Image.new("RGB", (640, 400), colour).save(kept, "JPEG")
    file = folder / name
    file.write_bytes(kept.getvalue())
    return file
