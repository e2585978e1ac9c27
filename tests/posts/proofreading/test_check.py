"""What the format check says about a post, what it keeps quiet about, and what it changes when asked."""

import re
from collections import Counter

import pytest
from django.urls import reverse
from hypothesis import assume, example, given
from hypothesis import strategies as st

from newsletter.posts.markdown.render import render
from newsletter.posts.models import Post
from newsletter.posts.proofreading.check import RULES, apply_fixes, check_text, group_findings, house_terms
from newsletter.posts.proofreading.terms import DEFAULT_TERMS, parse_terms
from tests.factories import make_issue, make_post, make_publication
from tests.support.product import ROOT

GUIDE = (ROOT / "docs" / "writing.md").read_text().split("\n## Format check\n")[1]
ROW = re.compile(r"^\| (?!it finds)([^|]+) \| ([^|]+) \| ([^|]*) ?\|$", re.MULTILINE)  # finds, example, writes
SPAN = re.compile(r"`([^`]+)`")
SPACED = "用 AI 寫 Go 很快，而 API 與 SDK 與 CLI 都好。"

pytestmark = pytest.mark.usefixtures("english")


def reported(source: str, **terms: str) -> list[tuple[str, str, str | None]]:
    return [(f.rule, f.text, f.replacement) for f in check_text(source, terms=terms or DEFAULT_TERMS)]


def shown() -> list[tuple[str, str]]:
    """Return the examples of the guide's table, each with what the button writes; a list needs a second line."""
    rows = [(SPAN.findall(one), SPAN.findall(other)) for finds, one, other in ROW.findall(GUIDE) if "list" not in finds]
    return [pair for one, other in rows if len(one) == len(other) for pair in zip(one, other, strict=True)]


@pytest.mark.parametrize(("source", "written"), shown())
def test_the_button_writes_what_the_guide_shows(source, written):
    assert apply_fixes(source, terms=DEFAULT_TERMS, rules=RULES)[0] == written


@pytest.mark.parametrize(
    ("source", "told_of"),
    [
        ("這是**重點，沒有關。", ("stars", "**", None)),
        ("他說「好。", ("brackets", "「", None)),
        ("他說好』。", ("brackets", "』", None)),
        ("你好,世界", ("punctuation", ",", "，")),
        ("你好, 世界", ("punctuation", ", ", "，")),
        ("**注意:**不要", ("punctuation", ":", "：")),
        ("結束了.", ("punctuation", ".", "。")),
        ("日期.時間", ("punctuation", ".", None)),
        ("我們的數據在此", ("terms", "數據", None)),
        ("連上網絡", ("terms", "網絡", None)),
        ("中國翻譯叫做緩存", ("terms", "緩存", None)),
        ("那裡稱為「緩存」", ("terms", "緩存", None)),
        ("編譯成字符串", ("terms", "字符串", "字串")),
        ("放進緩存", ("terms", "緩存", "快取")),
        (
            "見(官方文章)[https://example.org/a]吧",
            ("link", "(官方文章)[https://example.org/a]", "[官方文章](https://example.org/a)"),
        ),
        ("台積電(晶圓廠)說", ("punctuation", "(晶圓廠)", "（晶圓廠）")),
        ("然後...", ("ellipsis", "...", "……")),
        ("然後…沒了", ("ellipsis", "…", "……")),
        ("看視頻去", ("terms", "視頻", "影片")),
        ("學 Javascript 去", ("terms", "Javascript", "JavaScript")),
        ("詳見https://example.org/a 去", ("url", "", " ")),
        ("##標題", ("heading", "##", "## ")),
        ("# 標題", ("title", "# 標題", "## 標題")),
        ("標題\n====", ("title", "標題\n====", "## 標題")),
        ("一、甲\n二、乙", ("list", "二、", "\n二、")),
        ("（十）甲\n（十一）乙", ("list", "（十一）", "\n（十一）")),
        ("按[這裡]()去", ("link", "[這裡]()", None)),
        ("見[這](http://example.org/a)吧", ("http", "http://example.org/a", None)),
        ("![](/a.png)", ("alt", "![](/a.png)", None)),
        (f"{SPACED}我用API。", ("spacing", "", " ")),
        ("用  AI", ("spacing", "  ", " ")),
    ],
)
def test_each_fault_is_told_once(source, told_of):
    found = reported(source)

    assert found == [told_of]


@pytest.mark.parametrize(
    "source",
    [
        "提出**「創新即借用與連結」**這樣，**非常慢。**ChatGPT。",
        "這是 \\*\\*星號\\*\\*。",
        "「第一段。\n\n第二段。」",
        "1）第一\n\n笑死：）",
        "版本 3.14 在 10:30 發布，比例 1,000:1。",
        "他等了……然後走了。",
        "詳見 https://example.org/a。再見（https://example.org/b）",
        "1、只有一項",
        "• 只有一項\n\n甲 • 乙 • 丙",
        "讓數據說話，看流量數據。",
        "#管理 #產品",
        "[這](http://localhost:8000/)與 http://192.168.0.1/",
        "![圖](/a.png)",
        "2023年5月，第3頁。",
        "用AI寫Go。",
        "公司內存在問題，大數據也好，相信息息相關。",
        "人脈網絡、社交網絡、人際網絡與支持網絡。",
        "1.先寫。\n2.的話也是這樣。",
        "- 甲\n\n\t```html\n\t<div><title>視頻\n\t```\n",
        "\t```\n\t<textarea>你好,世界...\n\t```",
        "1. 甲\n\n\t\t~~~\n\t\t<object>\n\t\t~~~\n\n   乙。",
        "見 github.com 與 @github 與 deepseek-chat。",
        "```\n你好,世界... ##標題 視頻 **\n```",
        "用 `視頻, 你好,世界` 與\n\n    縮排,視頻...\n",
        "---\ntitle: 視頻,你好...\n---\n正文。",
        "[文](https://example.org/視頻)好",
        "",
    ],
)
def test_what_is_right_is_passed_over(source):
    assert reported(source) == []


def test_a_post_is_checked_before_the_newsletter_has_a_name():
    assert reported("用戶", **house_terms("", "用戶 → 讀者")) == [("terms", "用戶", "讀者")]


def test_an_author_adds_his_own_terms_and_takes_back_ours():
    terms = house_terms("Gipi電子報", "數據 →\n用戶 → 讀者\nchatgpt->ChatGPT")

    assert parse_terms("數據 → 資料\n\n→ 無") == {"數據": "資料"}
    assert reported("數據與用戶", **terms) == [("terms", "用戶", "讀者")]
    assert reported(f"{SPACED}Gipi電子報", **terms) == []


def test_what_somebody_else_wrote_is_told_but_not_changed():
    assert reported("> 看視頻") == [("terms", "視頻", None)]


def test_fixing_leaves_nothing_safe_to_fix_and_code_alone():
    source = "看視頻(很好,真的)吧...\n\n    程式,視頻\n"

    text, done = apply_fixes(source, terms=DEFAULT_TERMS, rules=RULES)

    assert text == "看影片（很好，真的）吧……\n\n    程式,視頻\n"
    assert done == 4
    assert apply_fixes(text, terms=DEFAULT_TERMS, rules=RULES) == (text, 0)


def test_findings_are_shown_by_rule_with_line_and_words_around():
    source = "第一行。\n看視頻,好"

    groups = group_findings(source, check_text(source, terms=DEFAULT_TERMS))

    assert [(g.rule, g.rows[0].line, g.rows[0].before, g.rows[0].after) for g in groups] == [
        ("punctuation", 2, "看視頻", "好"),
        ("terms", 2, "看", ",好"),
    ]


# --- In the admin ---


def test_the_form_of_a_post_shows_them(author):
    post = make_post(body="看視頻,好")

    page = author.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()

    assert "看<mark>視頻</mark>,好" in page
    assert "Fix all 2 safe ones" in page


def test_one_button_makes_the_safe_changes_and_saves(author):
    post = make_post(body="舊", published_at=None)
    fields = {"title": post.title, "body": "看視頻,好  AI", "published_at": "", "_fix": "all"}

    response = author.post(reverse("admin:posts_post_change", args=[post.pk]), fields, follow=True)

    assert Post.objects.get().body == "看影片，好  AI"
    assert "2 places were changed, and the post saved." in response.content.decode()


def test_the_send_page_names_the_posts_to_read_again(author):
    issue = make_issue(make_post("有錯的", body="看視頻"), make_post("沒錯的"))

    context = author.get(reverse("admin:issue_send", args=[issue.pk])).context

    assert [(post.title, count) for post, count in context["to_read_again"]] == [("有錯的", 1)]


def test_what_the_author_switched_off_is_told_nowhere_and_not_changed(author):
    make_publication(checks_off=["terms", "punctuation"])
    post = make_post(body="看視頻,好...", published_at=None)
    issue = make_issue(post)
    address = reverse("admin:posts_post_change", args=[post.pk])

    page = author.get(address).content.decode()
    send_page = author.get(reverse("admin:issue_send", args=[issue.pk])).context
    fields = {"title": post.title, "body": post.body, "published_at": "", "_fix": "all"}
    author.post(address, fields)

    assert "視頻</mark>" not in page
    assert "Fix the 1 safe one" in page
    assert [count for _post, count in send_page["to_read_again"]] == [1]
    assert Post.objects.get().body == "看視頻,好……"


# --- What a fix never touches ---

CODE_BELOW = "1、加入依賴：\n\n    <version>3.1.6</version>\n\n2、再執行：\n\n    mvn install\n"


@pytest.mark.parametrize(
    "source",
    [
        "請看[心得(上)][]。\n\n[心得(上)]: https://a.example/\n",
        "請看[用 github 的心得]。\n\n[用 github 的心得]: https://a.example/\n",
        "請看[這裡][a。。。]。\n\n[A。。。]: https://a.example/\n",
        "註解[^github]。\n\n[^github]: 說明\n",
        CODE_BELOW,
        "1、甲\n\n2、乙\n\n    a = 1",
        "1、甲\n\n一段話。\n\n2、乙\n\n一段話。",
        "这些信息很重要，软件不兼容。",
        "費洛蒙又稱信息素。",
    ],
)
def test_no_fix_is_offered(source):
    assert apply_fixes(source, terms=DEFAULT_TERMS, rules=RULES) == (source, 0)


def test_simplified_paragraphs_are_told_from_others():
    source = "這是軟件。\n\n> 这些信息很重要。\n\n网络上的软件与 github。"

    fixed, _count = apply_fixes(source, terms=DEFAULT_TERMS | {"网络": "互联网"}, rules=RULES)

    assert fixed == "這是軟體。\n\n> 这些信息很重要。\n\n互联网上的软件与 GitHub。"


NOTE = "[^數據]: 這些軟件,好"
PIECES = [
    "1、甲",
    "2、乙",
    "    縮排(程式),好",
    "請看[心得(上)]，好,再說...",
    "[心得(上)]: https://a.example/",
    "註解[^數據]的視頻",
    NOTE,
    "- 列表(一)",
    "`軟件(碼),`與軟件",
    "##標題(一)",
    "这些软件,很好",
    "> 引用的軟件,好",
    "",
]


@example(["1、甲", "1、甲", "2、乙", "2、乙"])
@example(["1、甲", "2、乙", "[心得(上)]: https://a.example/", "    縮排(程式),好"])
@given(st.lists(st.sampled_from(PIECES), max_size=9))
def test_all_fixes_together_change_words_only_where_a_finding_says_so(lines):
    assume(lines.count(NOTE) < 2)  # of two, the first is lost with what its paragraph swallowed
    source = "\n".join(lines)
    asked = Counter()
    fixed, _count = apply_fixes(source, terms=DEFAULT_TERMS, rules=RULES)
    for finding in check_text(source, terms=DEFAULT_TERMS):
        if finding.replacement is not None:
            asked.update(letters(finding.text))

    assert letters(render_text(source)) - asked <= letters(render_text(fixed))
    assert render(fixed).count("<a ") == render(source).count("<a ")
    assert render(fixed).count("<code>") == render(source).count("<code>")


def letters(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w", text))


def render_text(source: str) -> str:
    return re.sub(r"<[^>]*>", "", render(source))
