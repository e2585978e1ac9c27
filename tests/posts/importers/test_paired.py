"""Marks of Liquid and Hugo with an end become what they hold: boxes, code, fold-outs, tabs, one inside the other."""

import pytest

from newsletter.posts.importers.folder.shortcodes import as_markdown
from newsletter.posts.markdown.render import render

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


@pytest.mark.slow("reads a long text")
def test_thousands_of_marks_that_never_end_are_read_in_one_go():
    typed = "{{< notice >}} {% highlight js %} {{< tab >}}\n" * 3_000

    text, remarks = as_markdown(typed)

    assert (text, len(remarks)) == (typed, 9_000)
