"""The marks of Hugo, Jekyll, Hexo, MkDocs and Obsidian become Markdown, or stay and are named."""

import pytest

from newsletter.moving.converters.markdown.marks import MARKS, as_markdown
from newsletter.posts.markdown.render import render

ELSEWHERE = "what another site shows is a link"
FILE = "a file that is no picture stays at its old address"
KNOWN = [
    # Pictures and films
    ('{{< figure src="/a.png" alt="x" caption="y" >}}', '![x](/a.png "y")'),
    ('{{< figure src="a.svg"\n  alt="曲線"\n  caption="第一行\n  第二行"\n>}}', '![曲線](a.svg "第一行 第二行")'),
    ('{{< figure src="a.png" caption="<b>圖 \\"一\\"</b>" >}}', '![](a.png)\n\n<b>圖 "一"</b>'),
    ('{% include figure image_path="/a.png" width="70%" caption="寬" %}', '![](/a.png "寬")'),
    ("{% asset_img a.png 一張 圖 %}", "![一張 圖](a.png)"),
    ("{% img left /a.png 100 title %}", "![title](/a.png)"),
    ("{{< youtube dQw4w9WgXcQ >}}", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
    ("{{< vimeo 146022717 >}}", "https://vimeo.com/146022717"),
    ('{% include youtube.html id="dQw4w9WgXcQ" %}', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
    ("{% youtube dQw4w9WgXcQ, 'video' %}", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
    # Links, and where the site is
    ('[x]({{< ref "other.md" >}})', "[x](other.md)"),
    ('[x]({{< relref path="a/b.md" >}})', "[x](a/b.md)"),
    ("[x]({{ site.baseurl }}{% post_url 2020-01-02-y %})", "[x](2020-01-02-y.md)"),
    ("[x]({{ site.baseurl }}{% link _posts/2020-01-02-y.md %})", "[x](/_posts/2020-01-02-y.md)"),
    ("![x]({{ site.url }}{{ site.baseurl }}/img/a.png)", "![x](/img/a.png)"),
    ("![x]({{ '/a.png' | absolute_url | escape }})", "![x](/a.png)"),
    ("{% post_link other '另 一篇' false %}", "[另 一篇](other.md)"),
    ("{% post_link other %}", "[other](other.md)"),
    ("{% link 網站 https://example.org %}", "[網站](https://example.org)"),
    ('{{< link "https://e.org" "網站" >}}', "[網站](https://e.org)"),
    # Code
    ("{{< highlight go >}}\nx := 1\n{{< /highlight >}}", "```go\nx := 1\n```"),
    ('{{< highlight lang="go" >}}\nx\n{{< /highlight >}}', "```go\nx\n```"),
    ("{% highlight ruby linenos %}\nputs 1\n{% endhighlight %}", "```ruby\nputs 1\n```"),
    ("{% highlight erb %}{% raw %}\n{{ x }}\n{% endraw %}{% endhighlight %}", "```erb\n{{ x }}\n```"),
    ('{% codeblock "信號" lang:swift %}\nx\n{% endcodeblock %}', "**信號**\n\n```swift\nx\n```"),
    ('```js title="a.js" {1}\nx\n```', '**a.js**\n\n```js title="a.js" {1}\nx\n```'),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("{{</* youtube x */>}}", "{{< youtube x >}}"),
    # Boxes, quotations, fold-outs, and what only says how a part looks
    ("{{% notice tip %}}\n先做。\n{{% /notice %}}", "> [!TIP]\n> 先做。"),
    ("{% note warning %}\n小心。\n{% endnote %}", "> [!WARNING]\n> 小心。"),
    ('{{< admonition note "筆記" false >}}\n文\n{{< /admonition >}}', "> [!NOTE] 筆記\n> 文"),
    ('{{< callout context="danger" title="題" >}}\n文\n{{< /callout >}}', "> [!CAUTION] 題\n> 文"),
    ("{% note info no-icon %}\n文\n{% endnote %}", "> [!NOTE]\n> 文"),
    ("{% note tip an open question %}\n文\n{% endnote %}", "> [!TIP] an open question\n> 文"),
    ("{% blockquote 孔子 %}\n學而時習之。\n{% endblockquote %}", "> 學而時習之。\n>\n> — 孔子"),
    ('{{< quote author="甲 乙" source="書" >}}\n話\n{{< /quote >}}', "> 話\n>\n> — 甲 乙, 書"),
    ('{{% expand "更多" %}}裡面{{% /expand %}}', "<details><summary>更多</summary>\n\n裡面\n\n</details>"),
    ("{% gallery true,220,10 %}\n![](a.png)\n{% endgallery %}", "![](a.png)"),
    ('!!! warning "小心"\n\n    一\n\n    二\n\n後', "> [!WARNING] 小心\n> 一\n>\n> 二\n\n\n後"),
    ("??? tip\n    藏", "<details><summary>Tip</summary>\n\n藏\n\n</details>"),
    # Attributes, comments, contents
    ('![圖](a.png "題"){width=300 .wide}', '![圖](a.png "題")'),
    ("![x](a.png){: .center }", "![x](a.png)"),
    ("## 標題 {#own-name}", "## 標題"),
    ("前{% comment %}只給\n自己{% endcomment %}後", "前<!-- 只給 自己 -->後"),
    ("前\n\n{::comment}\n不顯示\n{:/comment}", "前\n\n<!-- 不顯示 -->"),
    ("%%藏 `甲` 藏%%後", "<!-- 藏 `甲` 藏 -->後"),
    ("* 目錄\n{:toc}\n\n文", "[toc]\n\n文"),
    ('<div markdown="1">\n**粗** `碼`\n</div>', "<div>\n\n**粗** `碼`\n\n</div>"),
    # Obsidian
    ("[[筆記]]", "[筆記](<筆記.md>)"),
    ("[[筆記|那篇]]", "[那篇](<筆記.md>)"),
    ("[[筆記#^b1]]", "[筆記](<筆記.md>)"),
    ("| [[筆記\\|那篇]] |\n|---|", "| [那篇](<筆記.md>) |\n|---|"),
    ("![[a.png|圖|300]]", "![圖](<a.png>)"),
    ("![圖|200x100](https://e.org/a.png)", "![圖](https://e.org/a.png)"),
    ("> [!faq]- 摺起來\n> 內容", "> [!NOTE]- 摺起來\n> 內容"),
    ("一段。 ^b1\n\n二", "一段。\n\n二"),
    ("![](https://youtu.be/dQw4w9WgXcQ)", "https://youtu.be/dQw4w9WgXcQ"),
]


def losses(remarks):
    return [str(one) for one in remarks if one.is_loss]


@pytest.mark.parametrize("mark", MARKS, ids=[mark.name for mark in MARKS])
def test_each_mark_becomes_what_the_table_says(mark):
    assert as_markdown(mark.example)[0].strip() == mark.result.strip()


@pytest.mark.parametrize(("typed", "written"), KNOWN)
def test_what_is_known_becomes_markdown(typed, written):
    text, remarks = as_markdown(typed)

    assert (text.strip(), losses(remarks)) == (written, [])


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("{{< chart 12 >}}", ["{{< chart 12 >}}"]),
        ("{% include ad.html %}", ["{% include ad.html %}"]),
        ('{{< tab "甲" >}}字{{< /tab >}}', ['{{< tab "甲" >}}', "{{< /tab >}}"]),
        ("{% cq %}詩{% endcq %}", ["{% cq %}", "{% endcq %}"]),
        ("{{< notice >}}字", ["{{< notice >}}"]),
        ('{{< alert text="按 `ctrl`" />}}', ['{{< alert text="按 `ctrl`" />}}']),
        (":::tip 題\n\n內容\n\n:::", [":::tip 題"]),
        ('<Tabs group="x">字</Tabs>', ['<Tabs group="x">', "</Tabs>"]),
        ("import X from './x'", ["import X from './x'"]),
        ("前{/* 藏 */}", ["{/* 藏 */}"]),
        ("*[HTML]: 一種語言", ["*[HTML]: 一種語言"]),
        (":tada: 與 :tada:", [":tada:"]),
    ],
)
def test_what_is_unknown_stays_and_is_named(typed, named):
    text, remarks = as_markdown(f"前。\n\n{typed}\n\n後。")

    assert text == f"前。\n\n{typed}\n\n後。"
    assert losses(remarks) == [f"a short code stays as it was typed: {one}" for one in named]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("{{ page.title }}", "a value that a program writes stays as it was typed: {{ page.title }}"),
        ("[檔](/files/a.pdf)", "a link leads to a file of the old site: /files/a.pdf"),
        ('<iframe src="https://e.org/map"></iframe>', f"{ELSEWHERE}: https://e.org/map"),
    ],
)
def test_what_readers_miss_is_named_and_stays_as_typed(typed, named):
    text, remarks = as_markdown(typed)

    assert (text, losses(remarks)) == (typed, [named])


@pytest.mark.parametrize(
    ("typed", "written", "named"),
    [
        ("![[報告.pdf]]", "[報告.pdf](<報告.pdf>)", FILE),
        ("![[另一篇#小標|那節]]", "[那節](<另一篇.md>)", "what another text says is a link to it"),
        (
            "<script>\nlet a = `甲`;\n</script>",
            "<!-- ‹script›\nlet a = `甲`;\n‹/script› -->",
            "a script is kept as a comment",
        ),
        ('<a href="a.zip">檔</a>', '<a href="a.zip">檔</a>', "a link leads to a file of the old site"),
    ],
)
def test_what_is_something_else_here_is_named(typed, written, named):
    text, remarks = as_markdown(typed)

    assert (text.strip(), [one.what for one in remarks if one.is_loss]) == (written, [named])


def test_a_value_of_a_program_is_named_in_a_file_of_mdx_only():
    typed = "值 {props.x}"

    assert as_markdown(typed) == (typed, [])
    assert losses(as_markdown(typed, is_mdx=True)[1]) == [
        "a value that a program writes stays as it was typed: {props.x}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "```\n{{< youtube x >}} [[y]] %%z%%\n```",
        "``{% img a.png %}`` `[[y]]` `:no_such_name:`",
        "`<script>` 與 `</script>`",
        "```\n<style>\n```\n\n```\n</style>\n```",
        "1. 甲\n\n    ```sh\n    ls\n      x\n    ```\n\n2. 乙",
        "    ```\n  錯\n    ```",
        "x <B.md> <BR> y",
        "a^b 與 x ^2 次，a^[b",
        "if [[ -f x ]]; then",
        "100% 的 50%，5~6~7 天，a {b} c",
        "10:30:45 a:b:c C:\\x: 與 y: 鍵:值:鍵",
        "C++和D++ i++ 與 ++j",
        "{{ }} [!x] :::",
        "!!! important\n不是",
        "[站](https://e.org/a.pdf) [篇](b.md) [頁](/c.html) ![圖](e.png)",
    ],
)
def test_code_and_words_that_only_look_like_marks_stay(text):
    assert as_markdown(text) == (text, [])


def test_a_mark_within_another_is_written_too():
    text, remarks = as_markdown(
        '{{< details title="看" open=false >}}\n{{< highlight js >}}\nlet a = "`";\n{{< /highlight >}}\n'
        "{{< /details >}}\n"
        "{% note tip %}\n{% note warning %}\n內\n\n```sh\nls\n```\n{% endnote %}\n{% endnote %}"
    )
    html = render(text)

    assert remarks == []
    assert html.count("<details>") == html.count('class="language-js"') == 1
    assert '<div class="callout tip">' in html
    assert '<div class="callout warning">' in html
    assert "<code>ls" not in html.partition("callout warning")[0]


def test_a_box_stands_in_its_item_of_a_list_and_takes_nothing_beside_it_along():
    text, _remarks = as_markdown("1. 甲\n\n    {{< notice note >}}\n\n內容\n\n{{</ notice >}}\n\n2. 乙")

    assert render(text).count("<ol") == 1
    assert "    > [!NOTE]\n    > 內容\n" in text
    html = render(
        as_markdown("前\n{{< tip >}}\n裡\n{{< /tip >}}\n後\n\n一個 ` 號\n\n{{< tip >}}裡{{< /tip >}} 同行 `")[0]
    )
    assert all(f"<p>{one}</p>" in html for one in ("前", "後"))
    assert html.count("<p>裡</p>\n</div>") == 2


def test_code_that_shows_such_marks_stays_but_for_raw():
    typed = "```\n{% note %}x{% endnote %} {% raw %}{{ x }}{% endraw %}\n```\n\n`{% note %}` 與 `{% endnote %}`"

    assert as_markdown(typed) == (typed.replace("{% raw %}", "").replace("{% endraw %}", ""), [])


@pytest.mark.exhaustive
def test_thousands_of_marks_that_never_end_are_read_in_one_go():
    typed = "{{< notice >}} {% highlight js %} {{< tab >}}\n" * 3_000

    text, remarks = as_markdown(typed)

    assert (text, len(remarks)) == (typed, 3)  # each named once
