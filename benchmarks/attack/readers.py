"""Attacks on readers: mail bombs, closed doors, forwarded letters, false consents."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import urlsplit

import altcha

from benchmarks.attack.verdict import Outcome, held
from benchmarks.attack.world import Answer, Client, World, manage
from tests.support.letters import links_in_text

ROUNDS = 6  # pages at most between a form and the mailbox


def sign_up(client: Client, email: str, *, proves: bool = True) -> Answer:
    """Sign up as a person does: press each button that a page asks for, and let the browser do its sum."""
    answer = client.post("/subscribe/", {"email": email})
    for _page in range(ROUNDS):
        fields = answer.fields("/subscribe/")
        if answer.status != 200 or fields.get("email") != email:
            return answer
        if "data-sum" in answer.text:
            if not proves:
                return answer
            fields["altcha"] = solved(answer)
        answer = client.post("/subscribe/", fields)
    return answer


def solved(answer: Answer) -> str:
    """Return the proof of work that a page asks for."""
    found = re.search(r'data-sum="([^"]*)"', answer.text)
    assert found, answer.text
    challenge = altcha.Challenge.from_dict(json.loads(unescape(found[1])))
    return str(altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64())


def bombing(world: World) -> Outcome:
    """One mailbox under many spellings, from many addresses."""
    number = 40 if world.is_short else 300
    spellings = [
        f"{'v.ictim' if n % 2 else 'vic.tim'}+{n}@{'gmail' if n % 3 else 'googlemail'}.com" for n in range(number)
    ]
    clients = [world.stranger() for _n in range(30)]
    for n, spelling in enumerate(spellings):
        sign_up(clients[n % 30], spelling)
    world.settle()
    got = world.mails_to_domain("gmail.com") + world.mails_to_domain("googlemail.com")
    return held(got <= 3, f"{got} mails for {number} sign-ups")


def a_class(world: World) -> Outcome:
    """Sixty people behind one address sign up within minutes."""
    number = 15 if world.is_short else 60
    client = world.stranger()
    people = [f"student{n}@class.example.org" for n in range(number)]
    for person in people:
        sign_up(client, person)
    world.settle()
    got = world.mails_to_domain("@class.example.org")
    return held(got == number, f"{got} of {number} got their mail")


def shut_door(world: World) -> Outcome:
    """Thirty addresses sign up by the numbers, so that the next one finds the door shut."""
    clients = [world.stranger() for _n in range(30)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: sign_up(clients[n % 30], f"crowd{n}@crowd.example.org", proves=False), range(330)))
    person = f"late@late{world.port}.example.org"
    sign_up(world.stranger(), person)
    world.settle()
    got = world.mails_to(person)
    return held(got == 1, f"{got} mail for somebody who came after 330 others")


CONFIRMED = """
from subscribers.models import Subscriber
reader = Subscriber.objects.filter(email={email!r}).first()
answer = reader and [reader.state, reader.unsubscribe_url, reader.preferences_url]
"""


def confirmed(world: World, email: str) -> tuple[str, str, str]:
    """Sign somebody up and confirm; return state, and paths to leave and to the preferences."""
    client = world.stranger()
    sign_up(client, email)
    mail = world.smtp.wait_for(email)
    link = next(url for url in links_in_text(mail.text) if "/confirm/" in url)
    client.post(urlsplit(link).path, {})
    state, leave, preferences = manage(world, CONFIRMED.format(email=email))
    return state, urlsplit(leave).path, urlsplit(preferences).path


def forwarded_letter(world: World) -> Outcome:
    """Whoever gets a letter forwarded tries to see its address, and to take the subscription away."""
    email = "owner@forwarded.example.org"
    _state, _leave, preferences = confirmed(world, email)
    thief = world.stranger()
    page = thief.get(preferences)
    shown = email in page.text or "owner@" in page.text
    for door in ("address/", "", "name/"):
        thief.post(preferences + door, {"email": "thief@thief.example.org", "name": "Thief"})
    world.settle()
    output = world.mails_to("thief@thief.example.org")
    state, _leave, _preferences = manage(world, CONFIRMED.format(email=email)) or ("moved", "", "")
    return held(
        not shown and not output and state == "active", f"address shown: {shown}, mails to the thief: {output}, {state}"
    )


FALSIFIED = """
from subscribers.models import Subscriber
reader = Subscriber.objects.get(email={email!r})
answer = str([(str(line.kind), line.text, line.ip) for line in reader.consents.order_by("pk")])
"""


def false_consent(world: World) -> Outcome:
    """Somebody signs up an address that has confirmed, so that its proof names another text and place."""
    email = "proof@consent.example.org"
    _state, leave, _preferences = confirmed(world, email)
    before = manage(world, FALSIFIED.format(email=email))
    client = world.stranger()
    client.post(leave, {"List-Unsubscribe": "One-Click"})
    sign_up(world.stranger(), email)
    after = manage(world, FALSIFIED.format(email=email))
    return held(
        after.startswith(before.rstrip("]")), "what was recorded stays as it was" if before in after else "lines grew"
    )


def scanners(world: World) -> Outcome:
    """A mail scanner opens every link of every mail."""
    email = "scanned@scanner.example.org"
    sign_up(world.stranger(), email)
    mail = world.smtp.wait_for(email)
    scanner = world.stranger()
    for url in links_in_text(mail.text):
        scanner.get(urlsplit(url).path)
        scanner.send("HEAD", urlsplit(url).path, headers={})
    state, *_links = manage(world, CONFIRMED.format(email=email))
    _state, other_leave, other_preferences = confirmed(world, "scanned2@scanner.example.org")
    for path in (other_leave, other_preferences):
        scanner.get(path)
        scanner.send("HEAD", path, headers={})
    other, *_links = manage(world, CONFIRMED.format(email="scanned2@scanner.example.org"))
    return held((state, other) == ("pending", "active"), f"not confirmed: {state}, reader: {other}")


def one_click(world: World) -> Outcome:
    """A mail provider unsubscribes by one POST: without cookie, redirect, or a page between."""
    _state, leave, _preferences = confirmed(world, "leaver@leaver.example.org")
    answer = world.stranger().post(leave, b"List-Unsubscribe=One-Click")
    state, *_links = manage(world, CONFIRMED.format(email="leaver@leaver.example.org"))
    good = answer.status == 200 and state == "unsubscribed" and "Set-Cookie" not in answer.headers
    return held(good, f"answered {answer.status}, {state}")


def enumeration(world: World) -> Outcome:
    """The answer tells whether an address is known."""
    email = "known@known.example.org"
    confirmed(world, email)
    known, unknown = sign_up(world.stranger(), email), sign_up(world.stranger(), "nobody@known.example.org")
    same = _without(known.text, email) == _without(unknown.text, "nobody@known.example.org")
    return held(same and known.status == unknown.status, f"{known.status} and {unknown.status}, same page: {same}")


def _without(text: str, email: str) -> str:
    return re.sub(r'(nonce|value)="[^"]*"', "", text.replace(email, ""))
