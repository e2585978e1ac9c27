"""The own marks of Hugo, Jekyll, Hexo, MkDocs and Obsidian become Markdown, or stay and are named."""

import pytest

from newsletter.posts.importers.folder.shortcodes import as_markdown
from newsletter.posts.markdown.render import render


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ('{{< figure src="/a.png" alt="x" caption="y" >}}', '![x](/a.png "y")'),
        ("{{< youtube dQw4w9WgXcQ >}}", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("{{< vimeo 146022717 >}}", "https://vimeo.com/146022717"),
        ('[x]({{< ref "other.md" >}})', "[x](other.md)"),
        ('[x]({{< relref path="a/b.md" >}})', "[x](a/b.md)"),
        ("{{< highlight go >}}\nx := 1\n{{< /highlight >}}", "```go\nx := 1\n```"),
        ("{{% notice tip %}}\n先做。\n{{% /notice %}}", "> [!TIP]\n> 先做。"),
        ("{% highlight ruby linenos %}\nputs 1\n{% endhighlight %}", "```ruby\nputs 1\n```"),
        ("[x]({% post_url 2020-01-02-y %})", "[x](2020-01-02-y.md)"),
        ("![x]({{ site.baseurl }}/img/a.png)", "![x](/img/a.png)"),
        ("![x]({{ '/img/a.png' | relative_url }})", "![x](/img/a.png)"),
        ("![x](a.png){: .center }", "![x](a.png)"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% asset_img a.png 一張 圖 %}", "![一張 圖](a.png)"),
        ("{% img left /a.png 100 title %}", "![title](/a.png)"),
        ("{% codeblock lang:js %}\nlet a\n{% endcodeblock %}", "```js\nlet a\n```"),
        ("{% blockquote 孔子 %}\n學而時習之。\n{% endblockquote %}", "> 學而時習之。\n>\n> — 孔子"),
        ("{% post_link other 另一篇 %}", "[另一篇](other.md)"),
        ("{% note warning %}\n小心。\n{% endnote %}", "> [!WARNING]\n> 小心。"),
        ("{% link 網站 https://example.org %}", "[網站](https://example.org)"),
        ("[[筆記]]", "[筆記](<筆記.md>)"),
        ("[[筆記|那篇]]", "[那篇](<筆記.md>)"),
        ("![[a b.png|300]]", "![](<a b.png>)"),
        ("%%只給自己%%", "<!-- 只給自己 -->"),
        ("> [!info] 資訊\n> 內容", "> [!NOTE] 資訊\n> 內容"),
        ('{{% expand "更多" %}}裡面{{% /expand %}}', "<details><summary>更多</summary>\n\n裡面\n\n</details>"),
        ("{{</* youtube x */>}}", "{{< youtube x >}}"),
        ('![圖](a.png "題"){width=300 .wide}', '![圖](a.png "題")'),
        ("## 標題 {#own-name}", "## 標題"),
        ("前{% comment %}只給\n自己{% endcomment %}後", "前<!-- 只給 自己 -->後"),
        ("前\n\n{::comment}\n不顯示\n{:/comment}", "前\n\n<!-- 不顯示 -->"),
        ("* 目錄\n{:toc}\n\n文", "[toc]\n\n文"),
        ('{% include youtube.html id="dQw4w9WgXcQ" %}', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ('{% include figure.html src="/a.png" alt="圖" caption="說" %}', '![圖](/a.png "說")'),
        ("![[a.png|圖|300]]", "![圖](<a.png>)"),
        ("![圖|200x100](https://e.org/a.png)", "![圖](https://e.org/a.png)"),
        ("一段。 ^b1\n\n二", "一段。\n\n二"),
        ("[[筆記#^b1]]", "[筆記](<筆記.md>)"),
        ("> [!faq]- 摺起來\n> 內容", "> [!NOTE]- 摺起來\n> 內容"),
        ("![](https://youtu.be/dQw4w9WgXcQ)", "https://youtu.be/dQw4w9WgXcQ"),
        ('{{< figure src="a.svg"\n  alt="曲線"\n  caption="第一行\n  第二行"\n>}}', '![曲線](a.svg "第一行 第二行")'),
        ('{{< figure src="a.png" caption="<b>圖 \\"一\\"</b>" >}}', '![](a.png)\n\n<b>圖 "一"</b>'),
        ('{% include figure image_path="/a.png" width="70%" caption="寬" %}', '![](/a.png "寬")'),
        ('{% include\n  figure.html\n  image="a.png"\n%}', "![](a.png)"),
        ('{% include note.html content="[小心](https://e.org)" %}', "> [!NOTE]\n> [小心](https://e.org)"),
        ("![x]({{ site.url }}{{ site.baseurl }}/a.png)", "![x](/a.png)"),
        ("[x]({{ site.baseurl }}{% link _posts/2020-01-02-y.md %})", "[x](/_posts/2020-01-02-y.md)"),
        ("[x]({{ site.baseurl }}{% post_url 2020-01-02-y %})", "[x](2020-01-02-y.md)"),
        ("![x]({{ '/a.png' | absolute_url | escape }})", "![x](/a.png)"),
        ("{% post_link other '另 一篇' false %}", "[另 一篇](other.md)"),
        ('{{< link "https://e.org" "網站" >}}', "[網站](https://e.org)"),
        ("{% youtube dQw4w9WgXcQ, 'video' %}", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("{% youtube PL123, 'playlist' %}", "<https://www.youtube.com/playlist?list=PL123>"),
        ('{{< alert context="warning" text="小心 `rm`" />}}\n\n後', "> [!WARNING]\n> 小心 `rm`\n\n\n\n後"),
        (":tada: 完成 :+1:，`:smile:`", "🎉 完成 👍，`:smile:`"),
        ('!!! warning "小心"\n\n    一\n\n    二\n\n後', "> [!WARNING] 小心\n> 一\n>\n> 二\n\n\n後"),
        ("??? tip\n    藏", "<details><summary>Tip</summary>\n\n藏\n\n</details>"),
        ('```js title="a.js" {1}\nx\n```', '**a.js**\n\n```js title="a.js" {1}\nx\n```'),
    ],
)
def test_what_is_known_becomes_markdown(typed, written):
    text, remarks = as_markdown(typed)

    assert (text.strip(), [str(one) for one in remarks if one.is_loss]) == (written, [])


@pytest.mark.parametrize(
    "typed", ["{{< chart 12 >}}", "{% include ad.html %}", '<Player id="x" />', "{% include a.html src='b.png' %}"]
)
def test_what_is_unknown_stays_and_is_named(typed):
    text, remarks = as_markdown(f"前。\n\n{typed}\n\n後。")

    assert text == f"前。\n\n{typed}\n\n後。"
    assert [str(one) for one in remarks] == [f"a short code stays as it was typed: {typed}"]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("{% cq %}詩{% endcq %}", ["{% cq %}", "{% endcq %}"]),
        ("{% btn https://e.org, 字 %}", ["{% btn https://e.org, 字 %}"]),
        (":::tip 題\n\n內容\n\n:::", [":::tip 題"]),
        ('<Tabs group="x">字</Tabs>', ['<Tabs group="x">', "</Tabs>"]),
        ("import X from './x'", ["import X from './x'"]),
        ("前{/* 藏 */}", ["{/* 藏 */}"]),
        ("*[HTML]: 一種語言", ["*[HTML]: 一種語言"]),
    ],
)
def test_marks_of_themes_and_other_dialects_stay_and_are_named(typed, named):
    text, remarks = as_markdown(typed)

    assert text == typed
    assert [str(one) for one in remarks] == [f"a short code stays as it was typed: {one}" for one in named]


def test_a_value_of_a_program_is_named_in_a_file_of_mdx_only():
    typed = "值 {props.x}"

    assert as_markdown(typed) == (typed, [])
    assert [str(one) for one in as_markdown(typed, is_mdx=True)[1]] == [
        "a value that a program writes stays as it was typed: {props.x}"
    ]


def test_what_stands_behind_a_fence_is_named_as_a_loss_if_it_has_words():
    _text, remarks = as_markdown("``` js 找質數 https://e.org/b\nx\n```\n\n```js {1,3}\ny\n```")

    assert [(one.detail, one.is_loss) for one in remarks] == [("找質數 https://e.org/b", True), ("{1,3}", False)]


@pytest.mark.parametrize("typed", ["!!! important\n不是"])
def test_what_is_no_title_and_no_box_stays(typed):
    assert as_markdown(typed) == (typed, [])


@pytest.mark.parametrize(
    ("typed", "written", "named"),
    [
        ("{% comment %}藏 `甲` 藏{% endcomment %}後", "<!-- 藏 `甲` 藏 -->後", []),
        ("%%藏 `甲` 藏%%後", "<!-- 藏 `甲` 藏 -->後", []),
        ('<div markdown="1">\n**粗** `碼`\n</div>', "<div>\n\n**粗** `碼`\n\n</div>", []),
        (
            "<script>\nlet a = `甲`;\n</script>",
            "<!-- ‹script›\nlet a = `甲`;\n‹/script› -->",
            ["a script is kept as a comment"],
        ),
    ],
)
def test_a_mark_may_have_code_in_it(typed, written, named):
    text, remarks = as_markdown(typed)

    assert (text.strip(), [one.what for one in remarks]) == (written, named)


@pytest.mark.parametrize(
    "typed", ["`<script>` 與 `</script>`", "```\n<style>\n```\n\n```\n</style>\n```", "`%%` 甲 `%%`"]
)
def test_what_begins_in_code_is_no_mark(typed):
    assert as_markdown(typed) == (typed, [])


def test_a_link_that_no_page_here_can_have_is_words_and_named():
    text, remarks = as_markdown(
        "[筆記](obsidian://open?vault=x) [電話](tel:123) [頁](https://e.org) ![圖](data:image/png;base64,x)"
    )

    assert text == "筆記 [電話](tel:123) [頁](https://e.org) ![圖](data:image/png;base64,x)"
    assert [str(one) for one in remarks] == ["a link that opens a program is words: obsidian://open?vault=x"]


def test_a_query_of_obsidian_stays_and_is_named():
    typed = '```dataview\nTABLE x FROM "a"\n```'

    text, remarks = as_markdown(typed)

    assert text == typed
    assert [str(one) for one in remarks] == [
        'a value that a program writes stays as it was typed: dataview TABLE x FROM "a"'
    ]


def test_a_box_that_never_ends_is_named():
    assert [str(one) for one in as_markdown(":::tip 標題\n\n內容")[1]] == [
        "a short code stays as it was typed: :::tip 標題"
    ]


@pytest.mark.parametrize("code", ["```\n{{< youtube x >}} [[y]] %%z%%\n```", "`[[y]]`", "``{% img a.png %}``"])
def test_code_stays_as_it_is(code):
    assert as_markdown(code) == (code, [])


@pytest.mark.parametrize(
    "text",
    [
        "x <B.md> <BR> y",
        "a^b 與 x ^2 次",
        "if [[ -f x ]]; then",
        "a {b} c",
        "100% 的 50%",
        "5~6~7 天",
        "好~真的~好",
        "10:30:45",
        "a:b:c",
        "C++和D++",
        "i++ 與 ++j",
        ":::",
        "{{ }}",
        "[!x]",
    ],
)
def test_words_that_only_look_like_marks_stay(text):
    assert as_markdown(text) == (text, [])


@pytest.mark.parametrize("typed", ["![[報告.pdf]]", "[[a/錄音.mp3|聽]]"])
def test_a_file_that_no_page_here_shows_is_named(typed):
    assert [one.what for one in as_markdown(typed)[1]] == ["a file that is no picture stays at its old address"]


ELSEWHERE = "what another site shows is a link"


@pytest.mark.parametrize(
    ("typed", "written", "named"),
    [
        ("{{< instagram CxOWiQNP2MO >}}", "<https://www.instagram.com/p/CxOWiQNP2MO/>", ELSEWHERE),
        ("{% twitter https://twitter.com/a/status/1 %}", "<https://twitter.com/a/status/1>", ELSEWHERE),
        ('{{< tweet user="a" id="1" >}}', "<https://twitter.com/a/status/1>", ELSEWHERE),
        ("{% iframe https://e.org/f 100% 200 %}", "<https://e.org/f>", ELSEWHERE),
        ("{% gist abc/123 %}", "<https://gist.github.com/abc/123>", "a program that stands at GitHub is a link"),
        ("{% asset_link a.pdf 一份 檔 %}", "[一份 檔](<a.pdf>)", "a file that is no picture stays at its old address"),
        ("{% asset_link a.pdf %}", "[a.pdf](<a.pdf>)", "a file that is no picture stays at its old address"),
        ("[檔]({% link assets/a.pdf %})", "[檔](/assets/a.pdf)", "a link leads to a file of the old site"),
        (
            ":no_such_name: 與 :no_such_name:",
            ":no_such_name: 與 :no_such_name:",
            "the name of an emoji stays as it was typed",
        ),
        ("`= this.file.name`", "`= this.file.name`", "a value that a program writes stays as it was typed"),
        ('<iframe src="https://e.org/map"></iframe>', '<iframe src="https://e.org/map"></iframe>', ELSEWHERE),
    ],
)
def test_what_is_something_else_here_is_named_once(typed, written, named):
    text, remarks = as_markdown(typed)

    assert (text.strip(), [one.what for one in remarks if one.is_loss]) == (written, [named])


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("{% asset_img a.png 300 200 \"標題 '替代 字'\" %}", '![替代 字](a.png "標題")'),
        ("{% img left /a.png 400 600 \"標題 '替代'\" %}", '![替代](/a.png "標題")'),
        ('{% exturl 網站 https://e.org/a "說明" %}', '[網站](https://e.org/a "說明")'),
        ("{% link 名, https://e.org/l, /x.png %}", "[名](https://e.org/l)"),
        ("好:tada:！", "好🎉！"),
        ("段落\n\n- 項\n\n^abc-1", "段落\n\n- 項"),
        ("| [[筆記\\|那篇]] |\n|---|", "| [那篇](<筆記.md>) |\n|---|"),
        ("![[圖.png\\|100]]", "![](<圖.png>)"),
        ('<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe>',) * 2,
        ("{% post_link a ' 🚀 開始' %}", "[🚀 開始](a.md)"),
        ("{% gallery true,220,10 %}\n![](a.png)\n{% endgallery %}", "![](a.png)"),
    ],
)
def test_what_themes_and_plug_ins_have_of_their_own_comes_along(typed, written):
    text, remarks = as_markdown(typed)

    assert (text.strip(), [str(one) for one in remarks if one.is_loss]) == (written, [])


@pytest.mark.parametrize(
    "text",
    [
        "https://www.example.org/",
        "[到 www.example.org 去](https://www.example.org)",
        '<a href="https://www.example.org">www.example.org</a>',
        "`www.example.org`",
        "a@www.example.org",
        "www.",
    ],
)
def test_an_address_that_is_a_link_or_none_is_left_alone(text):
    assert as_markdown(text) == (text, [])


@pytest.mark.parametrize("text", ["時間 10:30:20", "a::b", ":::", "C:\\x: 與 y:", "`:no_such_name:`", "鍵:值:鍵"])
def test_colons_that_name_no_emoji_are_not_named(text):
    assert as_markdown(text)[1] == []


@pytest.mark.parametrize(
    ("typed", "detail"),
    [
        ("<font color=red>紅</font>", "<font color=red>"),
        ('<span style="color: red">紅</span> <b style="color: red">紅</b>', 'style="color: red"'),
        ("<center>中</center>", "<center>"),
        ('<p align="right">右</p>', 'align="right"'),
        ('`<font color="red">`', None),
    ],
)
def test_a_look_that_was_typed_as_html_is_named_once(typed, detail):
    named = [(one.detail, one.is_loss) for one in as_markdown(typed)[1] if "the look" in one.what]

    assert named == ([(detail, False)] if detail else [])


LOOK = "the look of single parts stays away"


def named(remarks):
    return [remark.what for remark in remarks]


@pytest.mark.parametrize(
    ("typed", "written", "remarks"),
    [
        # Code, and its title.
        ('{% codeblock "信號" lang:swift %}\nx\n{% endcodeblock %}', "**信號**\n\n```swift\nx\n```", []),
        (
            "{% codeblock 例 lang:js https://e.org/a 出處 %}\nx\n{% endcodeblock %}",
            "**例 [出處](https://e.org/a)**\n\n```js\nx\n```",
            [],
        ),
        ('{{< highlight lang="go" >}}\nx\n{{< /highlight >}}', "```go\nx\n```", []),
        ("{% highlight erb %}{% raw %}\n{{ x }}\n{% endraw %}{% endhighlight %}", "```erb\n{{ x }}\n```", []),
        ("{{< code-toggle >}}\n[[menus.main]]\n{{< /code-toggle >}}", "```\n[[menus.main]]\n```", []),
        # Boxes: their kinds, titles and looks.
        ('{{< admonition note "筆記" false >}}\n文\n{{< /admonition >}}', "> [!NOTE] 筆記\n> 文", [LOOK]),
        ('{{< callout context="danger" title="題" >}}\n文\n{{< /callout >}}', "> [!CAUTION] 題\n> 文", []),
        ('{{< callout header="題" >}}文{{< /callout >}}', "> [!NOTE] 題\n> 文", []),
        ('{{< notice "這是題" >}}\n文\n{{< /notice >}}', "> [!NOTE] 這是題\n> 文", []),
        ("{% note info no-icon %}\n文\n{% endnote %}", "> [!NOTE]\n> 文", [LOOK]),
        ("{% note info flat %}\n文\n{% endnote %}", "> [!NOTE]\n> 文", [LOOK]),
        ("{% note tip an open question %}\n文\n{% endnote %}", "> [!TIP] an open question\n> 文", []),
        # Quotations.
        (
            "{% blockquote 甲 https://e.org/a 一篇 文 %}\n話\n{% endblockquote %}",
            "> 話\n>\n> — 甲, [一篇 文](https://e.org/a)",
            [],
        ),
        ('{{< quote author="甲 乙" source="書" >}}\n話\n{{< /quote >}}', "> 話\n>\n> — 甲 乙, 書", []),
        # Fold-outs.
        ("{{< details >}}\n- 文\n{{< /details >}}", "- 文", []),
        # What happened, one after the other.
        # Pictures.
        # Links.
        ('{{< button href="/a/" >}}去{{< /button >}}', "[去](/a/)", []),
    ],
)
def test_a_mark_with_an_end_becomes_markdown(typed, written, remarks):
    text, found = as_markdown(typed)

    assert (text.strip(), named(found)) == (written, remarks)


def test_a_mark_within_another_is_written_too():
    text, remarks = as_markdown(
        '{{< details title="看" open=false >}}\n{{< highlight js >}}\nlet a = "`";\n{{< /highlight >}}\n'
        "{{< /details >}}\n"
        "{% note tip %}\n{% note warning %}\n內\n{% endnote %}\n{% endnote %}"
    )
    html = render(text)

    assert remarks == []
    assert html.count("<details>") == html.count('class="language-js"') == 1
    assert '<div class="callout tip">' in html
    assert '<div class="callout warning">' in html


@pytest.mark.parametrize("tabs", ['{{< tabs items="甲,乙" >}}', "{{< tabs >}}"])
def test_parts_side_by_side_stand_one_below_the_other_with_their_words(tabs):
    labels = ("", "") if "items" in tabs else (' "甲"', ' name="乙"')
    text, remarks = as_markdown(
        f"{tabs}\n  {{{{% tab{labels[0]} %}}}}\n  一\n  {{{{% /tab %}}}}\n"
        f"  {{{{% tab{labels[1]} %}}}}\n  ```sh\n  ls\n  ```\n  {{{{% /tab %}}}}\n{{{{< /tabs >}}}}"
    )

    html = render(text)
    assert remarks == []
    assert "<p><strong>甲</strong></p>\n<p>一</p>\n<p><strong>乙</strong></p>" in html
    assert html.count("<pre") == 1


def test_a_box_in_an_item_of_a_list_stays_in_it():
    text, _remarks = as_markdown("1. 甲\n\n    {{< notice note >}}\n\n內容\n\n{{</ notice >}}\n\n2. 乙")

    assert render(text).count("<ol") == 1
    assert "    > [!NOTE]\n    > 內容\n" in text


def test_what_follows_a_box_is_not_drawn_into_it():
    html = render(as_markdown("前\n{{< tip >}}\n裡\n{{< /tip >}}\n後\n\n{{< tip >}}裡{{< /tip >}} 同行")[0])

    assert "<p>前</p>" in html
    assert html.count("<p>裡</p>\n</div>") == 2
    assert "<p>後</p>" in html
    assert "<p>同行</p>" in html


def test_code_that_shows_such_marks_stays_but_for_raw():
    typed = (
        "```\n{{< notice tip >}}\n{% note %}x{% endnote %} {% raw %}{{ x }}{% endraw %}\n```\n\n"
        "`{% note %}` 與 `{% endnote %}`"
    )

    assert as_markdown(typed) == (typed.replace("{% raw %}", "").replace("{% endraw %}", ""), [])


def test_one_backtick_alone_begins_no_code():
    text, _remarks = as_markdown("一個 ` 號\n\n{{< tip >}}\n文\n{{< /tip >}}\n\n又一個 ` 號")

    assert "> [!TIP]\n> 文" in text


@pytest.mark.parametrize("opened", [])
def test_a_mark_that_never_ends_stays_and_is_named_and_takes_nothing_with_it(opened):
    text, remarks = as_markdown(f"前\n\n{opened}\n\n{{% quote %}}詩{{% endquote %}}\n\n後")

    assert opened in text
    assert "> 詩" in text
    assert [str(one) for one in remarks] == [f"a short code stays as it was typed: {opened}"]


@pytest.mark.exhaustive
def test_thousands_of_marks_that_never_end_are_read_in_one_go():
    typed = "{{< notice >}} {% highlight js %} {{< tab >}}\n" * 3_000

    text, remarks = as_markdown(typed)

    assert (text, len(remarks)) == (typed, 9_000)
