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
        ("{{< instagram CxOWiQNP2MO >}}", "<https://www.instagram.com/p/CxOWiQNP2MO/>"),
        ('{{% expand "更多" %}}裡面{{% /expand %}}', "> **更多**\n>\n> 裡面"),
        ("{{</* youtube x */>}}", "{{< youtube x >}}"),
        ('![圖](a.png "題"){width=300 .wide}', '![圖](a.png "題")'),
        ("## 標題 {#own-name}", "## 標題"),
        ("前{% comment %}只給\n自己{% endcomment %}後", "前<!-- 只給 自己 -->後"),
        ("前\n\n{::comment}\n不顯示\n{:/comment}", "前\n\n<!-- 不顯示 -->"),
        ("* 目錄\n{:toc}\n\n文", "[toc]\n\n文"),
        ("[檔]({% link assets/a.pdf %})", "[檔](/assets/a.pdf)"),
        ('{% include youtube.html id="dQw4w9WgXcQ" %}', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ('{% include figure.html src="/a.png" alt="圖" caption="說" %}', '![圖](/a.png "說")'),
        ("{% twitter https://twitter.com/a/status/1 %}", "<https://twitter.com/a/status/1>"),
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


@pytest.mark.parametrize("code", ["```\n{{< youtube x >}} [[y]] %%z%%\n```", "`[[y]]`", "``{% img a.png %}``"])
def test_code_stays_as_it_is(code):
    assert as_markdown(code) == (code, [])


@pytest.mark.parametrize(
    "text",
    ["x <B.md> <BR> y", "a^b 與 x ^2 次", "if [[ -f x ]]; then", "a {b} c", "100% 的 50%", ":::", "{{ }}", "[!x]"],
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
