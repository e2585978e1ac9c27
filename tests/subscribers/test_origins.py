"""Where a sign-up came from, as a line that is kept with the consent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import growth, origins
from subscribers.origins import LINE_MAX, merge_origins, origin_of_request

OWN = ["news.example.org"]
SITE = "https://news.example.org"


def test_a_page_of_ours_is_kept_by_its_path_and_the_marks_of_its_link():
    referer = f"{SITE}/p/128/?utm_source=talk&utm_campaign=%E6%BC%94%E8%AC%9B&email=gipi@example.org&fbclid=abc"

    assert origin_of_request(referer, {}, OWN) == "/p/128/ utm_source=talk utm_campaign=演講"


def test_another_site_is_kept_by_its_host_alone():
    assert origin_of_request("https://Mail.Example.com/inbox/secret?to=gipi", {}, OWN) == "from mail.example.com"


def test_the_marks_of_the_own_address_count_before_those_of_the_page_before():
    line = origin_of_request(f"{SITE}/p/5/?utm_source=old&utm_medium=post", {"utm_source": "new"}, OWN)

    assert line == "/p/5/ utm_source=new utm_medium=post"


@pytest.mark.parametrize(
    "referer",
    [
        *("", "nonsense", "https://[", "about:blank", "https://localhost/", f"{SITE}/subscribe/"),
        f"{SITE}/mine/2AbCdEfGhIjKlMnOpQrS/",
        f"{SITE}/confirm/x/",
        f"{SITE}/p/../admin/",
        f"{SITE}/?" + "&".join(f"a{number}=1" for number in range(200)).replace("a0=1", "utm_source=x"),
    ],
)
def test_what_says_nothing_or_opens_something_is_not_kept(referer):
    assert origin_of_request(referer, {}, OWN) in {"", "/"}


def test_a_mark_holds_no_address_no_page_and_no_words_of_markup():
    query = {"utm_source": "gipi@example.org", "utm_medium": "<b>x y</b>", "utm_term": "a/../b", "utm_content": "  "}

    assert origin_of_request("", query, OWN) == "utm_source=gipi-example.org utm_medium=b-x-y-b utm_term=a-..-b"


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("import: readers.csv", ("import", "")),
        ("by hand", ("hand", "")),
        ("api:crm", ("api", "")),
        ("web:subscribe invited link", ("invitation", "")),
        ("something else", ("other", "")),
    ],
)
def test_every_way_in_is_counted_as_itself_and_has_a_name(line, source):
    assert origins.classify_origin(line) == source
    assert source[0] in growth.SOURCE_LABELS


def test_lines_are_joined_and_the_first_page_and_host_stay():
    assert merge_origins("/p/1/ utm_source=a", "/p/2/ utm_source=b utm_medium=c from t.co") == (
        "/p/1/ utm_source=a utm_medium=c from t.co"
    )


def test_too_much_is_cut_between_its_parts():
    query = {f"utm_{name}": "x" * 100 for name in ("source", "medium", "campaign", "content", "term")}

    line = origin_of_request("https://t.co/", query, OWN)

    assert len(line) <= LINE_MAX
    assert [len(part) for part in line.split()] == [51, 51, 53]


@given(st.text(), st.dictionaries(st.sampled_from(["utm_source", "utm_term", "email"]), st.text()), st.text())
def test_whatever_is_sent_the_line_is_bounded_and_reads_back_as_itself(referer, query, line):
    for found in (origin_of_request(referer, query, OWN), merge_origins(line), merge_origins(line, referer)):
        assert len(found) <= LINE_MAX
        assert "@" not in found
        assert merge_origins(found) == found
