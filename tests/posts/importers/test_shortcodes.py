"""The own marks of Hugo, Jekyll, Hexo, Docusaurus and Obsidian become Markdown, or stay and are named."""

import pytest

from newsletter.posts.importers.folder.shortcodes import as_markdown


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
        (":::info 標題\n內容。\n:::", "> [!NOTE] 標題\n> 內容。"),
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
        ("::::info 外\n甲\n:::tip\n乙\n:::\n::::", "> [!NOTE] 外\n> 甲\n> > [!TIP]\n> > 乙"),
        ("前{/* truncate */}後{/* 記得改 */}", "前後<!-- 記得改 -->"),
        ("<img src={require('./a.png').default} alt=\"圖\" />", '<img src="./a.png" alt="圖" />'),
        (
            '<Tabs>\n<TabItem value="a" label="甲案">\n\n一\n\n</TabItem>\n</Tabs>',
            "**甲案**\n\n\n\n一",
        ),
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
        ('{{< card link="/a/" title="甲" subtitle="乙" >}}', "- [甲](/a/) — 乙"),
        ("{% button 網站 https://e.org/a %}", "[網站](https://e.org/a)"),
        ("{% span red, 紅字 %}與{% u 底線 %}", "紅字與<u>底線</u>"),
        ("{% note success, 一行 %}", "> [!TIP]\n> 一行"),
        ("{% note, 一 行 %}", "> [!NOTE]\n> 一 行"),
        ("{% p center large, 大字 %}\n{% p small, 小字 %}", "大字\n\n\n\n\n小字"),
        ("{% checkbox green checked, 甲, 乙 %}\n{% radio 丙 %}", "☑ 甲, 乙\n○ 丙"),
        ('{{< imgproc "a.jpg" Fit "800x800" />}}', "![](a.jpg)"),
        ("```ad-tip\ntitle: 題\ncollapse: open\n\n內容 `碼`\n```", "> [!TIP] 題\n> 內容 `碼`"),
        ("```mdx-code-block\n<Tabs>\n```\n\n一\n\n```mdx-code-block\n</Tabs>\n```", "一"),
        ("```md example.md:\nx\n```", "**example.md:**\n\n```md example.md:\nx\n```"),
        ("H~2~O 與 x^2^、29^th^、++新++", "H<sub>2</sub>O 與 x<sup>2</sup>、29<sup>th</sup>、<ins>新</ins>"),
        (":tada: 完成 :+1:，`:smile:`", "🎉 完成 👍，`:smile:`"),
        ("::: tip 標題\n內容\n:::", "> [!TIP] 標題\n> 內容"),
        (":::note[**標**題]{.wide}\n內容\n:::", "> [!NOTE] **標**題\n> 內容"),
        ("::: details 看\n內容\n:::", "<details><summary>看</summary>\n\n內容\n\n</details>"),
        ("1. 甲\n\n   :::tip\n   內容\n   :::", "1. 甲\n\n   > [!TIP]\n   > 內容"),
        ('<LiteYouTubeEmbed id="dQw4w9WgXcQ" title="x" />', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ('!!! warning "小心"\n\n    一\n\n    二\n\n後', "> [!WARNING] 小心\n> 一\n>\n> 二\n\n\n後"),
        ("??? tip\n    藏", "<details><summary>Tip</summary>\n\n藏\n\n</details>"),
        ('```js title="a.js" {1}\nx\n```', '**a.js**\n\n```js title="a.js" {1}\nx\n```'),
        ("```js:src/a.js\nx\n```", "**src/a.js**\n\n```js:src/a.js\nx\n```"),
        (
            "``` ruby 找質數 https://e.org/a 出處\nx\n```",
            "**找質數** [出處](https://e.org/a)\n\n``` ruby 找質數 https://e.org/a 出處\nx\n```",
        ),
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


@pytest.mark.parametrize("typed", ["```js tab\nx\n```", "```rust no_run ignore\nx\n```", "!!! important\n不是"])
def test_what_is_no_title_and_no_box_stays(typed):
    assert as_markdown(typed) == (typed, [])


@pytest.mark.parametrize(
    ("typed", "written", "named"),
    [
        (":::tip 題\n\n`甲`\n\n```md\n:::note\n```\n\n:::", "> [!TIP] 題\n> `甲`\n>\n> ```md\n> :::note\n> ```", []),
        ("{% comment %}藏 `甲` 藏{% endcomment %}後", "<!-- 藏 `甲` 藏 -->後", []),
        ("%%藏 `甲` 藏%%後", "<!-- 藏 `甲` 藏 -->後", []),
        ("{/* 藏 `甲` 藏 */}後", "<!-- 藏 `甲` 藏 -->後", []),
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


def test_boxes_inside_each_other_end_somewhere():
    text, _remarks = as_markdown(":::tip\n" * 500 + "字\n" + ":::\n" * 500)

    assert text.count("[!TIP]") == 16


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
        'a value that a program writes stays as it was typed: dataview: TABLE x FROM "a"'
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


def test_the_lines_of_a_program_are_left_out_and_named():
    text, remarks = as_markdown("import Tabs from '@theme/Tabs';\n\n內容。")

    assert text.strip() == "內容。"
    assert remarks[0].what == "a line of a program is left out"


def test_a_function_of_a_program_is_left_out_to_its_end():
    text, remarks = as_markdown("export const Red = ({children}) => (\n  <b>{children}</b>\n);\n\n內容。")

    assert (text.strip(), len(remarks)) == ("內容。", 1)


@pytest.mark.parametrize("typed", ["![[報告.pdf]]", "[[a/錄音.mp3|聽]]"])
def test_a_file_that_no_page_here_shows_is_named(typed):
    assert [one.what for one in as_markdown(typed)[1]] == ["a file that is no picture stays at its old address"]


FRIENDS = """{% flink %}
- class_name: 朋友
  class_desc: 那些人
  link_list:
    - name: 甲
      link: https://e.org/
      avatar: https://e.org/a.png
      descr: 寫字
    - name: 乙
      link: https://e.net/
{% endflink %}"""
ELSEWHERE = "what another site shows is a link"


@pytest.mark.parametrize(
    ("typed", "written", "named"),
    [
        ("{{< instagram CxOWiQNP2MO >}}", "<https://www.instagram.com/p/CxOWiQNP2MO/>", ELSEWHERE),
        ("{% twitter https://twitter.com/a/status/1 %}", "<https://twitter.com/a/status/1>", ELSEWHERE),
        ('{{< tweet user="a" id="1" >}}', "<https://twitter.com/a/status/1>", ELSEWHERE),
        ("{{< bilibili 36570401 3 >}}", "<https://www.bilibili.com/video/av36570401/?p=3>", ELSEWHERE),
        ("{{< bilibili id=BV1xx411c7mD p=1 >}}", "<https://www.bilibili.com/video/BV1xx411c7mD/>", ELSEWHERE),
        ("{% iframe https://e.org/f 100% 200 %}", "<https://e.org/f>", ELSEWHERE),
        ("{% gist abc/123 %}", "<https://gist.github.com/abc/123>", "a program that stands at GitHub is a link"),
        ("{% asset_link a.pdf 一份 檔 %}", "[一份 檔](<a.pdf>)", "a file that is no picture stays at its old address"),
        ("{% asset_link a.pdf %}", "[a.pdf](<a.pdf>)", "a file that is no picture stays at its old address"),
        ("[檔]({% link assets/a.pdf %})", "[檔](/assets/a.pdf)", "a link leads to a file of the old site"),
        ("[檔](@site/static/a.pdf)", "[檔](/a.pdf)", "a link leads to a file of the old site"),
        (
            ":no_such_name: 與 :no_such_name:",
            ":no_such_name: 與 :no_such_name:",
            "the name of an emoji stays as it was typed",
        ),
        ("{% gallery url,a %}{% endgallery %}", "{% gallery url,a %}", "a short code stays as it was typed"),
        ("{% flink %}\n- [\n{% endflink %}", "```yaml\n- [\n```", "a short code stays as it was typed"),
        (
            "{% flink %}\n- {class_name: &a 甲, class_desc: *a}\n{% endflink %}",
            "```yaml\n- {class_name: &a 甲, class_desc: *a}\n```",
            "a short code stays as it was typed",
        ),
        ("{% flink %}\n字\n{% endflink %}", "```yaml\n字\n```", "a short code stays as it was typed"),
        ('<X color="red">字</X>', '<X color="red">字</X>', "a short code stays as it was typed"),
        ("<Tabs.Item>字</Tabs.Item>", "<Tabs.Item>字</Tabs.Item>", "a short code stays as it was typed"),
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
        ("{% fullimage /a.png, 替代, 標題 %}", '![替代](/a.png "標題")'),
        ("{% fi /a.png %}", "![](/a.png)"),
        ('{% exturl 網站 https://e.org/a "說明" %}', '[網站](https://e.org/a "說明")'),
        ("{% link 名, https://e.org/l, /x.png %}", "[名](https://e.org/l)"),
        (":slightly_smiling_face: :gem: :taiwan:", "🙂 💎 🇹🇼"),
        ("好:tada:！", "好🎉！"),
        ("段落\n\n- 項\n\n^abc-1", "段落\n\n- 項"),
        ("| [[筆記\\|那篇]] |\n|---|", "| [那篇](<筆記.md>) |\n|---|"),
        ("![[圖.png\\|100]]", "![](<圖.png>)"),
        ("![圖](@site/static/img/a.png) ![圖](pathname:///b.png)", "![圖](/img/a.png) ![圖](/b.png)"),
        ('<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe>',) * 2,
        ("{% note purple 'fa-solid fa-wand-magic' %}\n字\n{% endnote %}", "> [!NOTE]\n> 字"),
        ("{% note red 'fas fa-fan' simple%}\n字\n{% endnote %}", "> [!NOTE]\n> 字"),
        ("{% post_link a ' 🚀 開始' %}", "[🚀 開始](a.md)"),
        ("見 www.example.org/a_b。", "見 [www.example.org/a_b](http://www.example.org/a_b)。"),
        ("臣亮言：{% label 先帝 %}創業，{% label 中道崩殂 blue %}", "臣亮言：先帝創業，中道崩殂"),
        ("很漂亮 {% inlineImg https://e.org/x.png 150px %}", "很漂亮 ![](https://e.org/x.png)"),
        ("答 {% hideInline because,看答案,#FF7242,#fff %}", "答 看答案 because"),
        ("{% timeline 2022,pink %}\n字\n{% endtimeline %}", "**2022**\n\n字"),
        (
            "{% galleryGroup '壁 紙' '收藏' '/g/a' https://e.org/a.png %}",
            "[![壁 紙](https://e.org/a.png)](/g/a)\n\n**壁 紙** 收藏",
        ),
        ("{% gallery true,220,10 %}\n![](a.png)\n{% endgallery %}", "![](a.png)"),
        (FRIENDS, "**朋友**\n\n那些人\n\n- [甲](https://e.org/) — 寫字\n- [乙](https://e.net/)"),
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
