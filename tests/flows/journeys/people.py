"""The persons of the journeys, each in front of a browser, in one small vocabulary.

What a person presses or fills in must be on the page, enabled, uncovered and within reach of the person's hands: a
mouse, a finger on a phone, or the keys alone. A file is attached by the browser's own file chooser, which a disabled
field does not open.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from PIL import Image
from playwright.sync_api import Error
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from newsletter.delivery import lane_process
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.tasks import look_outside
from newsletter.issues.models import Issue
from tests.support.letters import link_to
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WINDOW = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
TABS_MAX = 250  # presses of Tab that reach everything on a page
ROLES = ("button", "link", "checkbox", "radio", "menuitem", "tab", "option", "switch")
PATIENCE = 30_000  # ms
# What the clock does that no journey waits for: it looks at the whole installation, or outside.
WITHOUT = {"newsletter.operation.tasks.examine", "newsletter.operation.tasks.back_up"}
NAMES = """part => [...part.querySelectorAll("a[href], button, input, summary, label")]
    .filter(element => element.checkVisibility())
    .map(element => (element.ariaLabel || element.innerText || element.value || element.name).trim())"""
HAS_VALUE = "([name, text]) => document.querySelector(`[name='${name}']`).value.includes(text)"
IS_REACHED = """element => {
    const reached = document.activeElement;
    const isRadio = element.type === "radio" && reached.type === "radio";
    return element === reached || (isRadio && element.name === reached.name);
}"""


class Hands(NamedTuple):
    """by: "mouse", "finger" or "keys"."""

    by: str
    window: dict[str, int]


@dataclass
class Person:
    """Somebody with a browser of their own. hands: as in Hands. address: of their mailbox."""

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

    def does_not_see(self, text: str, *, inside: str = "body") -> None:
        shown = self.page.locator(inside).get_by_text(text).locator("visible=true")
        assert shown.count() == 0, f"{text!r} stands on {self.page.url}"

    def sees_link(self, name: str, *, to: str) -> None:
        assert self._named(name, "body").get_attribute("href") == to

    def sees_in_frame(self, text: str) -> None:
        """A preview shows it."""
        self.page.frame_locator("iframe >> nth=0").get_by_text(text).first.wait_for()

    def sees_in_field(self, name: str, text: str) -> None:
        self.page.wait_for_function(HAS_VALUE, arg=[name, text])

    def sees_a_picture(self, description: str) -> None:
        """A picture is there, in whole, and says this to whoever cannot see it."""
        picture = self.page.get_by_role("img", name=description).first
        picture.scroll_into_view_if_needed()
        self.page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())

    # --- What they do ---

    def logs_in(self, name: str, password: str, *, at: str = "/admin/") -> None:
        self.opens(f"/admin/login/?next={at}")
        self.types(username=name, password=password)
        self.goes("Log in", inside="#login-form")

    def presses(self, name: str, *, inside: str = "body") -> None:
        """Press what has this whole name. inside: CSS of the part of the page, where a name stands twice."""
        self._press(self._named(name, inside))

    def _press(self, target: "Locator") -> None:
        if self.hands == "mouse":
            target.click()
        elif self.hands == "finger":
            target.tap()
        else:
            self._reaches(target)
            self.page.keyboard.press("Space" if target.get_attribute("type") in {"checkbox", "radio"} else "Enter")

    def ticks(self, label: str) -> None:
        """Tick a box, or untick it. label: how its name begins."""
        self._press(self.page.get_by_role("checkbox", name=re.compile(f"^{re.escape(label)}")))

    def ticks_if_asked(self, name: str) -> None:
        if self.page.get_by_label(name).locator("visible=true").count():
            self.presses(name)

    def goes(self, name: str, *, inside: str = "body") -> None:
        """Press what leads to another page, and wait for that."""
        self._goes(self._named(name, inside))

    def goes_to_the_last_of(self, links: str) -> None:
        """links: CSS, of links without a name that one could read aloud."""
        self._goes(self.page.locator(links).last)

    def _goes(self, target: "Locator") -> None:
        before = self.page.evaluate("performance.timeOrigin")
        self._press(target)
        with ignoring_navigation():
            self.page.wait_for_function("before => performance.timeOrigin !== before", arg=before)
        self.sees_all_of_the_page()

    def opens_a_tab_by(self, name: str, *, inside: str = "body") -> None:
        """Press what leads to a page in a tab of its own."""
        with self.page.context.expect_page() as opened:
            self.presses(name, inside=inside)
        opened.value.wait_for_load_state()

    def unfolds(self, name: str, *, inside: str = "main") -> None:
        """Open what is folded under this name."""
        folded = re.compile(rf"^\s*{re.escape(name)}")
        self._press(self.page.locator(f"{inside} summary").filter(has_text=folded).first)

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

    def finds(self, field: str, text: str) -> None:
        """Choose in a field that searches while one types."""
        self._press(self.page.locator(f"[name='{field}'] + .select2 [role=combobox]"))
        self.page.locator(".select2-search__field").fill(text)
        option = self.page.get_by_role("option", name=text)
        option.wait_for()
        if self.hands == "keys":
            self.page.keyboard.press("Enter")
        else:
            self._press(option)

    def picks(self, option: str) -> None:
        """Pick one of several ways, each of which begins with its name."""
        radio = self.page.get_by_role("radio", name=re.compile(f"^{re.escape(option)}"))
        if self.hands == "keys":
            self._reaches(radio)
            self.page.keyboard.press("Space")
        else:
            self._press(radio.locator("xpath=ancestor::label"))

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
        """What can be pressed under this name, as soon as it is there; the first one if the name ends with a colon.

        Raises AssertionError if there is none, with all names that there are, or more than one that leads elsewhere.
        """
        part = self.page.locator(inside)
        is_beginning = name.endswith(":")
        whole = re.compile(rf"^{re.escape(name[:-1])}\s*:") if is_beginning else name
        targets = part.get_by_role(ROLES[0], name=whole, exact=True)
        for role in ROLES[1:]:
            targets = targets.or_(part.get_by_role(cast(Any, role), name=whole, exact=True))
        targets = targets.locator("visible=true")
        try:
            targets.first.wait_for()
        except PlaywrightTimeoutError:
            names = part.first.evaluate(NAMES)
            raise AssertionError(f"nothing on {self.page.url} is called {name!r}; there are {names}") from None
        addresses = {target.get_attribute("href") or number for number, target in enumerate(targets.all())}
        assert is_beginning or len(addresses) < 2, f"{len(addresses)} things on {self.page.url} are called {name!r}"
        return targets.first

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

    def subscribes(self, machine: "Machine") -> None:
        """Sign up at the door, and press the button behind the link of the letter."""
        self.opens("/subscribe/")
        self.types(email=self.address)
        self.goes("Subscribe", inside="main form")
        machine.works()
        self.opens_letter("Please confirm")
        self.goes("Confirm my subscription")
        self.goes("Yes, subscribe me")

    # --- Their mail ---

    def letters(self) -> list[EmailMultiAlternatives]:
        """All mails to their address, the oldest first."""
        received = [letter for letter in mail.outbox if self.address in letter.to[0]]
        return cast("list[EmailMultiAlternatives]", received)

    def got(self, subject: str) -> EmailMultiAlternatives:
        """The newest letter with these words in its subject."""
        letters = [letter for letter in self.letters() if subject in str(letter.subject)]
        known = [str(letter.subject) for letter in self.letters()]
        mailings = list(Mailing.objects.values_list("state", "reason", "total"))
        assert letters, f"no {subject!r} for {self.address}, but {known}; mailings {mailings}"
        return letters[-1]

    def link_in(self, subject: str, door: str) -> str:
        """The link of a letter whose path begins with `door`."""
        return link_to(door, str(self.got(subject).body))

    def reaches_own_data(self, machine: "Machine") -> None:
        """Ask for a fresh link from the newest letter, and open it."""
        self.opens(self.link_in("", "/preferences/"))
        self.goes("Mail me a link")
        machine.works()
        self.opens(self.link_in("", "/mine/"))

    def opens_letter(self, subject: str) -> None:
        """Show a letter as a mail program does: its HTML, with all pictures."""
        letter = self.got(subject)
        self.page.goto(f"{self.site}/robots.txt")  # leaves the page before; a letter has no address of its own
        self.page.set_content(str(letter.alternatives[0][0]), wait_until="load")


@dataclass
class Author(Person):
    """Who writes and sends."""

    def has_a_passkey_in_the_browser(self) -> None:
        """A passkey whose owner is always there: Chromium's virtual authenticator."""
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        alive = {"isUserVerified": True, "automaticPresenceSimulation": True}
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": kind | alive})

    def is_at_the_desk(self) -> None:
        self.opens("/admin/")

    def opens_desk(self, name: str, *numbers: object) -> None:
        """Open a screen of the desk by the name of its address."""
        self.opens(reverse(f"admin:{name}", args=numbers))

    def writes_a_post(self, title: str, body: str = "") -> None:
        self.opens_desk("posts_post_add")
        self.types(title=title, body=body)

    def ends_typing(self) -> None:
        """What was out of sight while one typed comes back: by the mouse, by Esc, on a phone by a button."""
        if self.hands == "keys":
            self.page.keyboard.press("Escape")
        elif self.hands == "mouse":
            self.page.mouse.move(100, 100)
            self.page.mouse.move(400, 400, steps=4)
        else:
            self.presses("Hide the keyboard")
        self.page.locator("body:not(.is-quiet)").wait_for()

    def waits_until_saved(self) -> None:
        """The writing page saves what is typed by itself."""
        self.sees("Saved:", inside="#saving")

    def deletes(self, name: str) -> None:
        """Delete what is called so in a list, on its own page."""
        self.goes(name, inside="#result_list")
        self.goes("Delete")
        self.goes("Delete it")

    def puts_a_picture_in(self, file: Path, description: str) -> None:
        """Upload a picture to where the text ends, and say what it shows."""
        self.page.locator("#id_body").press("Control+End")
        if self.hands == "keys":
            self.page.keyboard.press("Control+/")
            self.page.keyboard.press("Enter")  # the first of what can be put in
        else:
            self.page.keyboard.press("Escape")  # the tools come back
            self.presses("Picture")
        with self.page.expect_file_chooser() as opened:
            self.presses("Upload a file…")
        opened.value.set_files(file)
        self.sees_in_field("body", "](/media/")
        self._press(self.page.locator(".editor-margin button").last)
        self.page.locator("#editor-alt").fill(description)
        self.page.keyboard.press("Enter")
        self.sees_in_field("body", f"![{description}](/media/")

    def makes_a_link_to_the_draft(self) -> str:
        self.presses("Publish…")
        self.goes("Make a link")
        return self.page.locator("#preview-link-address").input_value()

    def sends_the_issue(self, machine: "Machine") -> None:
        """Send what is composed here, now; that waits for a rehearsal, which the machine ends."""
        self.presses("Schedule…")
        self.presses("Now", inside="dialog")
        self.presses("Schedule", inside="dialog")
        self.sees("It is scheduled as soon as the rehearsal is over.")
        machine.works()
        self.page.wait_for_url("**/delivery/mailing/**")

    def publishes(self) -> None:
        """Publish what stands on the writing page."""
        self.presses("Publish…")
        self.goes("Publish now")


class Machine:
    """What runs without a person: the clock's tasks, and the lane that sends."""

    def sends(self, issue: Issue) -> None:
        """Have an issue go to all readers now, as its author would."""
        approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
        self.works()

    def begins(self, issue: Issue) -> None:
        """Have an issue begin to go, before its first letter has left."""
        approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
        beginning.begin_due(timezone.now())

    def schedules(self, issue: Issue, *, days: int) -> None:
        approving.approve(issue, send_at=timezone.now() + timedelta(days=days), now=timezone.now(), hold=timedelta())

    def works(self) -> None:
        """Do what is due now, until nothing is left to do."""
        self._does_a_round()
        self._does_a_round()  # ends what the first has begun
        wait_until(self._has_sent_all, 30, what=self._what_is_open, every=0.2)

    def _does_a_round(self) -> None:
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            if entry["task"] not in WITHOUT:
                import_string(entry["task"]).run()
        for rehearsal in Rehearsal.objects.filter(begun_at=None):
            look_outside.run(rehearsal.pk)
        self._sends()

    def _sends(self) -> None:
        while lane_process.run_lane(0) is not None:
            pass
        for mailing in Mailing.objects.filter(state=Mailing.State.SENDING):
            mailing.finish(timezone.now())

    def _has_sent_all(self) -> bool:
        """A lane may find its slot held for a moment, as by a process that was started while another lane ran."""
        self._sends()
        return not Mailing.objects.filter(state=Mailing.State.SENDING).exists()

    def _what_is_open(self) -> str:
        return str(list(Mailing.objects.values_list("state", "reason", "retry_at")))


def ignoring_navigation() -> Any:
    """A page that is replaced while it is asked cannot answer; the next question reaches the new one."""
    return suppress(Error)


def picture_file(folder: Path, name: str = "夜景.jpg", colour: str = "teal") -> Path:
    kept = BytesIO()
    Image.new("RGB", (640, 400), colour).save(kept, "JPEG")
    file = folder / name
    file.write_bytes(kept.getvalue())
    return file
