"""From today to a scheduled issue, and back in its hold, by keys alone: focus is seen at each step, and never lost."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from tests.desk.issues.test_scheduling import _asks_nobody, author, work  # noqa: F401 - fixtures
from tests.factories import make_issue, make_post

pytestmark = pytest.mark.browser
STOPS_MAX = 90  # presses of Tab from one thing to the next
# What shows its focus otherwise: by a caret, or a browser by one of its parts.
BY_ITSELF = "#id_title, #id_body, [type=datetime-local]"
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const middle = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 20));
  const words = one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent || one.value || "";
  return {
    name: (one.type === "submit" && one.value || words).replace(/\\s+/g, " ").trim(),
    id: one.id,
    box: [box.left, box.top, box.width, box.height].map(Math.round),
    onTop: middle && middle.outerHTML.slice(0, 120),
    isInDialog: !!one.closest("dialog"),
    isMarked: style.outlineStyle !== "none" || style.boxShadow !== "none" || one.matches(BY_ITSELF),
    isOnTop: !middle || one.contains(middle) || middle.contains(one) || !!one.labels?.[0]?.contains(middle),
    isInView: box.width > 0 && box.top < innerHeight && box.bottom > 0 && box.left < innerWidth && box.right > 0,
  };
}"""


@dataclass
class Keys:
    """A user without a mouse. Every focused element must be visible."""

    page: Any

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self, passed: list[str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] | None = self.page.evaluate(FOCUSED.replace("BY_ITSELF", repr(BY_ITSELF)))
        assert found, f"focus is lost on {self.page.url} behind {passed}"
        assert found["isMarked"], f"focus is not seen: {found}"
        assert found["isInView"], f"focus is outside of the window: {found}"
        assert found["isOnTop"], f"something covers the focus: {found}"
        return found

    def go_to(self, name: str, key: str = "Tab") -> None:
        """Press Tab until that has the focus."""
        passed = []
        for _ in range(STOPS_MAX):
            self.press(key)
            passed.append(self.focused(passed)["name"])
            if passed[-1] == name:
                return
        raise AssertionError(f"{name!r} is not among {passed}")

    def follow(self, name: str, to: str) -> None:
        """Go to a link or a button that leads elsewhere, and press it."""
        self.go_to(name)
        with self.page.expect_navigation(url=to):
            self.press("Enter")


@pytest.fixture
def keys(author):  # noqa: F811
    author.set_viewport_size({"width": 1280, "height": 800})
    return Keys(author)


def test_an_issue_is_written_scheduled_and_cancelled_by_keys_alone(keys, server):
    make_issue(number=42, subject="")
    page = keys.page
    page.goto(server.url + reverse("admin:index"))

    keys.go_to("Skip to content")
    keys.press("Enter")
    keys.follow("Write the first post", "**/posts/post/add/")

    write_and_publish(keys)
    put_into_the_issue(keys)
    schedule_in_the_dialog(keys)
    cancel_in_the_hold(keys)

    mailing = Mailing.objects.get()
    assert (mailing.issue.number, mailing.subject, mailing.state) == (42, "會議前先寫一頁", "cancelled")
    assert mailing.deliveries.count() == 0


def write_and_publish(keys):
    assert keys.focused()["id"] == "id_title"  # at once: nothing but the title can come first
    keys.page.keyboard.type("會議前先寫一頁")
    keys.press("Enter")
    if keys.focused()["id"] != "id_body":
        keys.go_to("Text")
    keys.page.keyboard.type("會議開始前的")
    keys.press("Control+b")
    keys.page.keyboard.type("五分鐘")
    keys.press("Control+b")
    keys.press("Control+s")
    keys.page.locator(".saving-said", has_text="Saved: ").wait_for()
    assert keys.focused()["id"] == "id_body"  # the caret stays in the text
    keys.go_to("Publish…")  # the bar
    keys.press("Enter")
    keys.page.locator("body.is-publishing").wait_for()  # the browser reports a new fragment a moment later
    keys.go_to("Publish now")
    with keys.page.expect_navigation():
        keys.press("Enter")
    post = Post.objects.get(title="會議前先寫一頁")
    assert "**五分鐘**" in post.body
    assert post.published_at


def put_into_the_issue(keys):
    keys.follow("Put into issue 42", "**/issues/issue/*/change/**")
    keys.go_to("Subject")
    keys.go_to("會議前先寫一頁")  # the title, offered as the subject
    keys.press("Enter")
    keys.page.locator(".saving-said", has_text="Saved: ").wait_for()
    keys.focused()
    assert Issue.objects.get().subject == "會議前先寫一頁"


def schedule_in_the_dialog(keys):
    keys.go_to("Skip the letter")
    keys.press("Enter")
    keys.go_to("Schedule…")
    keys.press("Enter")
    dialog = keys.page.get_by_role("dialog")
    dialog.wait_for()
    assert keys.focused()["isInDialog"]
    keys.press("Escape")
    dialog.wait_for(state="hidden")
    assert keys.focused()["name"] == "Schedule…"
    keys.press("Space")
    dialog.wait_for()
    while keys.focused()["name"] != "Now":
        keys.press("ArrowDown" if keys.page.evaluate("document.activeElement.type") == "radio" else "Tab")
    keys.go_to("Schedule")
    assert keys.focused()["isInDialog"]
    with keys.page.expect_navigation(url="**/delivery/mailing/**"):
        keys.press("Enter")
        work()
    assert Mailing.objects.get().state == "scheduled"


def cancel_in_the_hold(keys):
    keys.go_to("Cancel sending")
    keys.page.wait_for_timeout(2500)  # the figures move meanwhile
    assert keys.focused()["name"] == "Cancel sending"
    with keys.page.expect_navigation(url="**/delivery/mailing/*/"):
        keys.press("Enter")
    assert Mailing.objects.get().state == "cancelled"


@pytest.mark.exhaustive
def test_a_menu_that_a_save_has_made_anew_gives_the_focus_back(keys, server):
    """The page is asked for again behind a save; the author has opened the menu of the bar meanwhile."""
    page, held = keys.page, []
    issue = make_issue(make_post("乙"), number=42)
    page.goto(server.url + reverse("admin:issues_issue_change", args=[issue.pk]))
    page.locator("#id_subject").focus()
    page.route(
        "**/issues/issue/*/change/",
        lambda route: held.append(route) if route.request.method == "GET" else route.continue_(),
    )
    page.keyboard.type("會議前先寫一頁")
    keys.press("Control+s")
    while not held:
        page.wait_for_timeout(20)  # for the page's own question
    page.get_by_role("button", name="More", exact=True).focus()
    keys.press("Enter", "Tab")
    assert keys.focused()["name"] == "Save and preview"

    page.evaluate("document.querySelector('#more').dataset.before = '1'")
    with page.expect_response("**/issues/issue/*/change/"):
        held[0].continue_()
    assert keys.focused()["name"] == "Save and preview"
    keys.press("Escape")
    page.locator("#more:not([data-before])").wait_for(state="attached")

    assert keys.focused()["name"] == "More"
