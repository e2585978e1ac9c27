import re
from datetime import timedelta
from email import message_from_bytes, policy
from hashlib import sha256

import pytest

from newsletter.delivery.letter import rendering
from newsletter.delivery.planning import approving
from newsletter.issues.models import IssueItem
from newsletter.mail import letters
from newsletter.posts.models.images import Image
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_publication, make_subscriber

URL = re.compile(r"https?://[^\s\"'<>）]+")
TAGS_OF_LINES = re.compile(r'<span class="kept">|</span>')


def parsed(mail):
    return message_from_bytes(mail.message().as_bytes(), policy=policy.default)


def part(message, kind):
    return message.get_body((kind,)).get_content()


def picture(name, width, height):
    return Image.objects.create(
        digest=sha256(name.encode()).hexdigest()[:16], name=f"{name}.png", alt=name, width=width, height=height
    )


@pytest.fixture
def mail(make_mailing):
    mailing = make_mailing("a")
    delivery = mailing.deliveries.select_related("subscriber").get()
    delivery.subscriber.name = "王「小」明, Jr."
    return rendering.build_copy(mailing, delivery.subscriber, ids=(mailing.pk, delivery.seq))


def test_a_letter_has_the_same_links_in_both_parts(mail):
    message = parsed(mail)

    html = {url.replace("&amp;", "&") for url in URL.findall(part(message, "html"))}

    assert html == set(URL.findall(part(message, "plain")))
    assert "https://news.example.org/issues/7/" in html


def test_no_slot_stays_open(mail):
    message = parsed(mail)

    assert not re.search("[\x00-\x08]", part(message, "html") + part(message, "plain"))
    assert "a@example.org" in part(message, "html")


def test_the_headers_of_a_list_are_there(mail):
    message = parsed(mail)

    unsubscribe = message["List-Unsubscribe"].strip("<>")
    assert len(unsubscribe) <= 74
    assert unsubscribe in part(message, "html")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<issues.news.example.org>"
    assert message["Archived-At"] == "<https://news.example.org/issues/7/>"
    assert message["Precedence"] == "list"
    assert message["Feedback-ID"].startswith("7:issue:newsletter:")
    assert message["To"].addresses[0].display_name == "王「小」明, Jr."


def test_each_try_has_the_same_message_id_and_each_reader_another(make_mailing):
    mailing = make_mailing("ab")
    first, second = mailing.deliveries.select_related("subscriber").order_by("seq")

    ids = [
        rendering.build_copy(mailing, row.subscriber, ids=(mailing.pk, row.seq)).extra_headers["Message-ID"]
        for row in (first, first, second)
    ]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@news.example.org>")


def test_a_reader_cannot_break_the_html(make_mailing):
    mailing = make_mailing("")
    reader = make_subscriber("o'b&b@example.org")

    mail = rendering.build_copy(mailing, reader, ids=(1,))

    assert "o&#x27;b&amp;b@example.org" in mail.alternatives[0].content
    assert "o'b&b@example.org" in mail.body


def test_each_form_shows_as_much_as_it_says(publication):
    posts = [make_post(f"第{name}篇", body=f"這是{name}的內文。這是{name}的第二句。") for name in "甲乙丙"]
    issue = make_issue(*posts, number=9)
    for item, form in zip(issue.items.all(), ["full", "excerpt", "link"], strict=True):
        IssueItem.objects.filter(pk=item.pk).update(form=form)
    posts[1].__class__.objects.filter(pk=posts[1].pk).update(summary="乙的摘要。")

    letter = rendering.freeze_letter(issue)

    assert "這是甲的內文。" in letter.html
    assert "乙的摘要。" in letter.html
    assert "這是乙的內文。" not in letter.html
    assert "第丙篇" in letter.html
    assert "這是丙的內文。" in letter.html
    assert "這是丙的第二句。" not in letter.html


def test_the_html_alone_is_that_of_the_letter_and_its_text_is_not_made(publication, monkeypatch):
    issue = make_issue(make_post("甲", cover=picture("a", 640, 320)), make_post("乙"), number=9, introduction="您好。")
    letter = rendering.freeze_letter(issue)
    monkeypatch.setattr(letters, "_plain_text", lambda name, page: pytest.fail("the text part takes long"))

    assert rendering.html_with(issue, list(issue.items.all())) == letter.html
    assert "乙" not in rendering.html_with(issue, list(issue.items.all()[:1]))


def test_the_preheader_is_the_authors_or_the_beginning(publication):
    told = rendering.freeze_letter(make_issue(make_post(), number=9, preheader="作者寫的預覽文字"))
    begun = rendering.freeze_letter(make_issue(make_post(body="內文的第一句話。"), number=10))

    assert "作者寫的預覽文字" in told.html
    assert "內文的第一句話。" in begun.html.partition('class="ground"')[0]


def test_headings_in_a_post_stand_below_its_title(publication):
    post = make_post("甲", body="# 最大\n\n## 中間\n\n### 最小\n")

    html = rendering.freeze_letter(make_issue(post, number=9)).html

    levels = [int(level) for level in re.findall(r"<h([1-6])\b", html)]
    assert levels == [1, 2, 3, 3, 4]


def test_pictures_have_a_size_that_fits_the_column(publication):
    wide = picture("wide", 1280, 640)
    narrow = picture("narrow", 200, 100)
    full = make_post("甲", body=f"![寬]({wide.get_absolute_url()})\n\n![窄]({narrow.get_absolute_url()})\n")
    short = make_post("乙", cover=wide)
    issue = make_issue(full, short, number=9)
    issue.items.filter(post=short).update(form=IssueItem.Form.EXCERPT)

    html = rendering.freeze_letter(issue).html

    sizes = [re.findall(r'(?:width|height)="(\d+)"', tag) for tag in re.findall("<img[^>]*>", html)]
    assert sizes == [["544"], ["200", "100"], ["544"]]


def test_a_brief_letter_shows_its_addresses_for_filters_compare_the_parts(issue):
    letter = rendering.freeze_letter(issue)

    assert letter.html.count(">https://news.example.org/issues/7/<") == 1


@pytest.mark.parametrize("look", ["letter", "magazine", "digest"])
@pytest.mark.parametrize("form", IssueItem.Form.values)
def test_the_text_part_is_never_mostly_addresses(publication, look, form):
    make_publication(look=look, language="zh-hant", name="Gipi電子報", postal_address="台北市信義區市府路 1 號 3 樓")
    posts = [
        make_post(f"主管的第{number}個誤會", body="問題不在人，在流程。先寫下來，再談。談完以後，把結論寫回去。")
        for number in "一二三四五六七八"
    ]

    for count in (1, 2, 8):
        letter = rendering.freeze_letter(make_issue(*posts[:count], form=form, subject="信"))
        values = rendering.reader_values(make_subscriber()) | {"day": "2026年11月25日"}
        html, text = (rendering.fill(part, values, escaped=part is letter.html) for part in (letter.html, letter.text))
        shown = re.sub(r"(?s)<(style|title).*?</\1>|<[^>]+>", "", html)
        # The numbers in its addresses are as long as the rows of the run are many.
        assert 0.6 < len("".join(text.split())) / len("".join(shown.split())) < 1.8


def test_a_post_that_is_not_in_full_says_its_address_in_the_text_part_only(publication):
    post = make_post("甲")
    letter = rendering.freeze_letter(
        make_issue(post, form=IssueItem.Form.LINK, number=9, introduction="長長的前言。" * 150)
    )

    address = f"news.example.org{post.get_absolute_url()}"
    assert f">{address}<" not in letter.html
    assert letter.text.count(address) == 1


def test_the_contents_lead_to_the_posts_and_the_text_says_each_address_at_its_post(publication):
    posts = [make_post("甲篇"), make_post("乙篇")]
    letter = rendering.freeze_letter(make_issue(*posts, number=9))

    assert re.findall(r'<li[^>]*><a class="words-only" href="([^"]*)"', letter.html) == [
        f"https://news.example.org{post.get_absolute_url()}" for post in posts
    ]
    assert "1. 甲篇\n2. 乙篇" in letter.text
    assert all(f"篇\nhttps://news.example.org{post.get_absolute_url()}" in letter.text for post in posts)


def test_a_cover_stands_with_every_form(publication):
    cover = picture("a.png", 1200, 600)
    post = make_post(cover=cover)

    for form in IssueItem.Form.values:
        issue = make_issue(post, form=form)
        assert rendering.freeze_letter(issue).html.count(cover.get_absolute_url()) == 1


def test_code_and_addresses_get_no_space_in_either_part(publication):
    post = make_post(body="用AI跑`git中a`，看<https://example.org/中a>。\n\n```\n註解a\n```")

    letter = rendering.freeze_letter(make_issue(post, form=IssueItem.Form.FULL))

    for part in (letter.html, letter.text):
        assert all(kept in part for kept in ("git中a", "https://example.org/中a", "註解a"))
    assert "用 AI 跑 git中a，看" in letter.text


def test_a_footnote_is_not_taken_for_a_link(publication):
    post = make_post("甲", body="一句話。[^1] 一個[連結](https://example.org/)。\n\n[^1]: 附註。\n")

    text = rendering.freeze_letter(make_issue(post, number=9)).text

    assert "一句話。［註 1］" in text
    assert "連結[1]" in text


def test_nothing_is_in_the_html_that_mail_programs_do_not_know(publication):
    letter = rendering.freeze_letter(make_issue(make_post(), make_post(), number=9))

    assert not re.search(r'var\(|color-mix|\.webp|href="#|<link|<script', letter.html)
    assert letter.html.count("<style") == 1  # for the dark and for the phone; all else is inline


def test_the_frozen_letter_is_bit_for_bit_the_same_each_time(issue):
    assert rendering.freeze_letter(issue).columns() == rendering.freeze_letter(issue).columns()


def test_the_day_is_that_of_the_mailing_even_after_it_was_moved(make_mailing):
    mailing = make_mailing("a", planned=False)
    approving.reschedule(mailing, send_at=NOW + timedelta(days=14), now=NOW, hold=timedelta())
    mailing.refresh_from_db()

    text = rendering.build_copy(mailing, make_subscriber(), ids=(1,)).body

    assert "Issue 7 · Nov. 17, 2026" in text


@pytest.mark.parametrize(
    ("numbered", "language", "subject"),
    [
        ("last", "en", "AI at work (No. 7)"),
        ("first", "en", "No. 7: AI at work"),
        ("not", "en", "AI at work"),
        ("last", "zh-hant", "AI at work｜No. 7"),
        ("first", "zh-hant", "No. 7｜AI at work"),
    ],
)
def test_the_number_stands_in_the_subject_where_the_publication_says(issue, numbered, language, subject):
    make_publication(numbered=numbered, language=language)
    issue.subject = "AI at work"

    letter = rendering.freeze_letter(issue)

    assert letter.subject == subject
    assert f"<title>{subject}</title>" in letter.html
    assert ">AI at work</h1>" in letter.html


def test_the_sections_of_a_post_whose_title_is_the_subject_follow_the_subject(publication):
    letter = rendering.freeze_letter(make_issue(make_post("談槓桿", body="## 一節"), subject="談槓桿"))

    assert re.findall(r"<(h\d)[^>]*>(談槓桿|一節)<", letter.html) == [("h1", "談槓桿"), ("h2", "一節")]


@pytest.mark.parametrize(
    ("typed", "subject"),
    [
        ("AI時代的Coding", "AI 時代的 Coding｜No. 7"),
        ("AI的下一步", "AI 的下一步｜No. 7"),
        ("訂閱Gipi電子報", "訂閱 Gipi電子報｜No. 7"),
        ("去LINE購物", "去 LINE購物｜No. 7"),
    ],
)
def test_a_subject_has_spaces_between_chinese_and_latin_but_in_no_name(issue, typed, subject):
    make_publication(numbered="last", language="zh-hant", terms="Line購物 → LINE購物")
    issue.subject = typed

    letter = rendering.freeze_letter(issue)

    assert letter.subject == subject
    assert f">{subject.removesuffix('｜No. 7')}</h1>" in TAGS_OF_LINES.sub("", letter.html)
    assert subject.removesuffix("｜No. 7") in letter.text


@pytest.mark.parametrize(("length", "ends"), [(192, "長 (No. 7)"), (193, "長長"), (200, "長長")])
def test_no_word_of_the_author_is_cut_for_the_number(issue, length, ends):
    make_publication(numbered="last")
    issue.subject = "長" * length

    subject = rendering.freeze_letter(issue).subject

    assert subject.endswith(ends)
    assert subject.count("長") == length


def test_a_mark_of_ours_makes_no_subject_longer_than_filters_like(make_mailing):
    mailing = make_mailing("a")
    mailing.subject = "長" * 200

    copy = rendering.build_copy(mailing, make_subscriber(), ids=(1,), subject_prefix="[Test] ")

    assert copy.subject == f"[Test] {'長' * 192}…"


def test_a_digest_shows_of_a_post_its_picture_its_title_two_lines_and_a_way_on(publication):
    make_publication(look="digest", language="zh-hant")
    body = "第一句話說了什麼。第二句說得長一點，把事情講清楚，也把理由講清楚，讓人知道。"
    body += "第三句放不下了，因為它實在太長，長得超過了兩行。"
    post = make_post("題目", body=body, cover=picture("bridge", 1280, 640))
    whole = make_post("全文的題目", body="全文在這裡。")
    issue = make_issue(post, form=IssueItem.Form.EXCERPT, number=9, introduction="長長的前言。" * 150)
    IssueItem.objects.create(issue=issue, post=whole, position=1)

    letter = rendering.freeze_letter(issue)

    [card] = re.findall(r'<table class="row card".*?</table>', letter.html, re.DOTALL)
    assert re.findall(r'alt="bridge" width="168"', card)
    assert "第二句說得長一點，把事情講清楚，也把理由講清楚，讓人知道。</p>" in TAGS_OF_LINES.sub("", card)
    assert "第三句" not in letter.html
    assert f'href="https://news.example.org{post.get_absolute_url()}"' in card
    assert "繼續閱讀" in card
    assert "全文在這裡。" in letter.html
    assert "全文在這裡。" not in card
    assert letter.text.count(f"https://news.example.org{post.get_absolute_url()}") == 1


@pytest.mark.django_db
def test_a_post_calls_nobody_by_name_as_on_the_web():
    post = make_post("題目", body="{name|朋友}，早安。`{name|朋友}` 不是名字。")

    letter = rendering.freeze_letter(make_issue(post, introduction="大家早。"))

    assert "朋友，早安。" in letter.html
    assert "朋友，早安。" in letter.text
    assert letter.html.count("{name|朋友}") == 1  # code, as it was typed


@pytest.mark.parametrize(("form", "look"), [("full", "letter"), ("excerpt", "letter"), ("excerpt", "digest")])
@pytest.mark.django_db
def test_a_letter_of_one_post_of_its_name_shows_the_title_once(form, look):
    make_publication(look=look)
    html = rendering.freeze_letter(make_issue(make_post("留白"), number=7, subject="留白", form=form)).html
    assert re.findall(r"<h[12][^>]*>.*?留白.*?</h[12]>", html) == re.findall(r"<h1[^>]*>留白</h1>", html) != []
