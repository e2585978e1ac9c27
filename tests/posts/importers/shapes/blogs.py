# ruff: noqa: E501 - lines as their authors write them
"""Two more texts in the ways of each program, as blogs of ten years have them: what themes brought, lines that go on, code in everything."""

from tests.posts.importers.shapes.folders import YAML

HUGO_THEMES = (
    "+++\ntitle = '題'\ndate = 2024-01-05T08:00:00\n[[resources]]\nname = 'featured-image'\nsrc = 'cover.jpg'\n+++\n"
    '{{< admonition note "為什麼" false >}}\n分層：用 `Service` 的地址。\n\n```yaml {title="svc.yaml"}\nkind: Service\n```\n{{< /admonition >}}\n\n'
    '{{< figure\n  src="a.png"\n  alt="圖"\n  caption="長的\n  說明"\n>}}\n\n'
    '{{< tabs items="甲,乙" >}}\n{{< tab >}}\n一\n{{< /tab >}}\n{{< tab >}}\n二\n{{< /tab >}}\n{{< /tabs >}}\n\n'
    '{{< details summary="看 `程式`" >}}\n{{< highlight go "linenos=table" >}}\nx := 1\n{{< /highlight >}}\n{{< /details >}}\n'
    '{{< alert text="按 `ctrl` 上傳" />}}\n後\n\n{{< youtube id="dQw4w9WgXcQ" start="30" >}}\n\n'
    '{{< quote author="甲" source="書" >}}\n話\n{{< /quote >}}\n\n- [去](#小標)\n\n## 小標\n\n{{< chart 5 >}}\n'
)
HUGO_DOCS = (
    '---\ntitle: "題"\ndate: 2024-01-05\ncover:\n  image: c.png\n  relative: true\n---\n'
    '1. 甲\n\n    {{% notice warning %}}\n    小心\n    {{% /notice %}}\n\n2. 乙\n\n[定義]({{< relref "other.md#x" >}})\n\n'
    '[去](#own) [沒有](#nowhere)\n\n### 名 {#own}\n\n{{< gist demo 0123 >}} {{< x user="a" id="1" >}}\n\n'
    '{{< callout context="danger" title="要緊" icon="outline/alert" >}}\n字\n{{< /callout >}}\n\n{{</* youtube x */>}}\n'
)
JEKYLL_MINIMAL = (
    "---\ntitle: 題\ndate: 2024-01-05 08:00:00 +0800\nheader:\n  overlay_image: /assets/h.jpg\n---\n"
    '{% include figure image_path="/a.png" width="70%" alt="圖" caption="說明" %}\n\n'
    "[那篇]({{ site.url }}{{ site.baseurl }}{% post_url 2023-12-01-x %}) ![b]({{ site.url }}{{ site.baseurl }}/b.png)\n\n"
    '{% capture notice %}\n字\n{% endcapture %}\n\n{% include note.html content="小心" %}\n\n'
    "{% highlight erb %}{% raw %}\n{{ x }}\n{% endraw %}{% endhighlight %}\n\n{% comment %} `藏` {% endcomment %}\n\n"
    "小標\n----\n{: #own}\n\n[去](#own2)\n\n## 再一 {#own2}\n"
)
JEKYLL_OLD = (
    f"{YAML}第一段 `{{% note %}}`。\n<!--more-->\n\n<script>\nvar a = `x`;\n</script>\n\n"
    '<div markdown="1">\n**粗** `碼`\n</div>\n\n[檔]({% link assets/a.pdf %})\n\n'
    '{% include youtube.html\n   id="dQw4w9WgXcQ"\n%}\n\n| a |\n|---|\n| 1 |\n{: .table}\n\n詞\n: 定義\n\n[^1] 註[^1]\n\n[^1]: 註腳\n'
)
HEXO_NEXT = (
    "---\ntitle: 題\ndate: 2024-01-05\nphotos:\n  - /a.jpg\n  - /b.jpg\n---\n"
    "{% note info no-icon %}\n**基線**\n\n```c\nint x;\n```\n{% endnote %}\n\n{% codeblock 使用 lang:rb %}\nx = 1\n{% endcodeblock %}\n\n"
    "{% blockquote 甲 https://e.org/a 一篇文 %}\n話\n{% endblockquote %}\n\n{% post_link other '另 一篇' false %}\n\n"
    "{% linkgrid %}\n甲 | https://e.org/ | 說明 | /x.png\n{% endlinkgrid %}\n\n``` js 例 https://e.org/b 出處\nlet a\n```\n\n{% tabs x %}\n<!-- tab 一 -->\n```sh\nls\n```\n<!-- endtab -->\n{% endtabs %}\n"
)
OBSIDIAN_NOTES = f"{YAML}> [!abstract]+ 摘要\n> 見 [[筆記#第 一 節|那節]]\n\n![[圖.png|替代|300]]\n\n![[筆記]]\n\n%% 藏 `碼`\n兩行 %%\n\n- [ ] 事 #標籤\n- [x] 做了 ^b2\n\n[去](#第-一-節)\n\n## 第 一 節\n\n字\n"
OBSIDIAN_MATERIAL = f'{YAML}!!! warning "小心"\n\n    一\n\n    ```sh\n    ls\n    ```\n\n??? note\n    藏\n\n==標== 與 ~~刪~~[^1]\n\n[^1]: 註\n\n`[[不是]]` $a_1$\n'
# What is there, counted by hand: pictures, links, notes, tables, blocks of code, boxes.
SHAPES = [
    (
        "content/posts/themes.md",
        HUGO_THEMES,
        {"div.callout": 1, "figure": 1, "strong": 1, "details.embed": 1, "pre": 2, "summary": 2, "blockquote": 1},
        ["a short code stays as it was typed"],
    ),
    (
        "content/docs/docs.md",
        HUGO_DOCS,
        {"ol": 1, "ol div.callout": 1, "div.callout": 2, "a[href^=https]": 0, "a[href^=#own]": 0, "a[href^=#s1]": 1},
        [
            "a link within the text leads nowhere here",
            "a short code stays as it was typed",
        ],
    ),
    (
        "_posts/2024-01-05-minimal.md",
        JEKYLL_MINIMAL,
        {"img": 2, "figcaption": 1, "a[href^=2023-12-01-x]": 1, "div.callout": 0, "pre": 1, "a[href^=#s2]": 1},
        ["a short code stays as it was typed"],
    ),
    (
        "_posts/2024-01-05-old.md",
        JEKYLL_OLD,
        {"strong": 1, "details.embed": 1, "table": 1, "dd": 1, "script": 0, "a[href^=/assets]": 1, "li[id^=fn]": 1},
        ["a link leads to a file of the old site", "a script is kept as a comment"],
    ),
    (
        "source/_posts/next.md",
        HEXO_NEXT,
        {"img": 1, "div.callout": 1, "pre": 4, "blockquote": 1, "a[href^=https]": 2, "a[href^=other]": 1},
        ["a short code stays as it was typed", "what stands behind the fence of code stays away"],
    ),
    (
        "notes.md",
        OBSIDIAN_NOTES,
        {"img": 1, "div.callout": 1, "a[href^=#s1]": 1, "input": 2, "a[href]": 3},
        ["what another text says is a link to it"],
    ),
    (
        "material.md",
        OBSIDIAN_MATERIAL,
        {"div.callout": 1, "details": 1, "pre": 1, "mark": 1, "del": 1, "p code": 2},
        [],
    ),
]
