"""The words of a post are counted once more, by taking the tags of its HTML away: no tree can swallow them unseen."""

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import translation

from newsletter.posts.importers.imported import Counts, Remark
from newsletter.posts.importers.raw_words import missing
from tests.factories import make_publication

NOTHING = (Counter(), 0)


def words(html, markdown="", remarks=()):
    return sorted(missing(html, markdown, remarks)[0].elements())


def test_words_that_the_post_does_not_show_are_missing():
    assert words("<p>前</p><object><p>後 Word</p>", "前") == ["word", "後"]


def test_a_word_in_pieces_is_one_word_and_one_of_two_lines_is_two():
    assert missing("<p>Li<b>ne</b>s<br>end</p>", "Li<b>ne</b>s\\\nend", ()) == NOTHING
    assert words("<p>one</p><p>two</p>", "onetwo") == ["one", "two"]


@pytest.mark.parametrize(
    "html",
    [
        "<script>let a = '<p>b</p>'</script><style>p { color: red }</style>",
        '<!-- wp:paragraph {"a":"b"} --><!-- <p>c</p> -->',
        '<img alt="a > b" data-attrs=\'{"c":"<p>d</p>"}\'>',
        "<noscript><img><p>a</p></noscript><video><p>b</p></video>",
        '[caption id="a" align="b"][/caption][gallery ids="1,2"]',
        "https://e.org/a/b?c=d <a href='//e.org/a'>//e.org/a</a>",
        "<sup>1</sup> 12 123",
        "&nbsp;&hellip;&#8212;",
    ],
)
def test_what_readers_never_saw_as_words_is_not_missing(html):
    assert missing(html, "", ()) == NOTHING


def test_what_never_ends_is_seen():
    assert words("<p>a</p><video><p>b</p><!-- c", "") == ["a", "b", "c"]


def test_a_remark_excuses_its_own_words_and_no_others():
    remark = Remark("a button stays away", effect=Counts() - Counts(Counter({"subscribe": 1})))

    assert words("<p>subscribe, subscribe, other</p>", "", [remark]) == ["other", "subscribe"]


@pytest.mark.parametrize(
    ("html", "markdown", "lost"),
    [
        ("<p><b>a</b> x <strong>b</strong> y <b>c</b></p>", "**a** x b y c", 2),
        ("<p><b>a</b><b>b</b> x <b><strong>c</strong></b><b> </b></p>", "**ab** x **c**", 0),
        ("<b><p>a</p><p>b</p></b>", "**a**\n\n**b**", 0),
        ('<b style="font-weight:normal"><p>a</p><b>b</b></b>', "a\n\n**b**", 0),
        ("<p><b><img></b>a</p>", "a", 0),
    ],
)
def test_bold_runs_that_the_post_does_not_show_are_missing(html, markdown, lost):
    assert missing(html, markdown, ())[1] == lost


def test_a_page_full_of_beginnings_is_read_in_its_own_time():
    assert missing("<video><!--<a '" * 20_000, "", ()) == (Counter({"a": 20_000}), 0)


# --- The account ---


def account_of(tmp_path, *texts):
    rows = [{"id": f"p{n}", "slug": f"p{n}", "title": f"P{n}", "html": text} for n, text in enumerate(texts, 1)]
    (tmp_path / "x.json").write_text(json.dumps({"db": [{"data": {"posts": rows}}]}))
    out = StringIO()
    call_command("import_posts", tmp_path / "x.json", "--dry-run", "--report", tmp_path / "a.html", stdout=out)
    return out.getvalue(), (tmp_path / "a.html").read_text(), json.loads((tmp_path / "a.json").read_text())


@pytest.fixture
def _english(db):
    make_publication()
    with translation.override("en"):
        yield


@pytest.mark.usefixtures("_english")
def test_a_post_that_loses_words_says_so_first(tmp_path):
    said, page, data = account_of(
        tmp_path, "<p>甲</p><form><p>填</p></form>", '<p>乙</p><form>x</form><video src="a.mp4"><p>後 <b>來</b></p>'
    )

    second = data["posts"][1]
    assert (second["lost"], second["unnamed"][:2]) == (2, ["words missing: 後 來", "bold runs: -1"])
    assert page.index("<h3>P2</h3>") < page.index("<h3>P1</h3>")
    assert page.index('<li class="unnamed">words missing: 後 來</li>') < page.index("<li>a form is kept as a comment")
    assert "p2: created; words missing: 後 來; bold runs: -1; " in said


@pytest.mark.usefixtures("_english")
def test_what_is_fewer_stands_first_and_in_colour(tmp_path):
    _said, page, _data = account_of(tmp_path, '<p>甲</p><video src="a.mp4"></video><form><p>填 <b>b</b></p></form>')

    rows = page.partition("<article>")[2].partition("<tbody>")[2].split("<tr")[1:]
    assert ['class="fewer"' in row for row in rows] == [True, True, True, False]
    assert ".unnamed, .fewer { color: " in page
