# ruff: noqa: E501 - lines as their authors write them
"""Texts in the ways of Hugo, Jekyll, Hexo, Docusaurus and Obsidian, with what each has to have afterwards.

Each has: its file, its text, what is in the page as counted by hand, and what is named as a loss.
"""

YAML = "---\ntitle: 題\ndate: 2024-01-05\n---\n"
HUGO = (
    '{\n  "title": "題", "date": "2024-01-05T08:00:00+08:00", "tags": ["甲", "乙"],\n'
    '  "cover": {"image": "a.png"}\n}\n\n'
    '{{< figure src="b.png" alt="圖" caption="說明 [連](https://x.example)" attr="甲" attrlink="https://y.example" >}}\n\n'
    "{{< gallery >}}\n![一](c.png)\n![二](d.png)\n{{< /gallery >}}\n\n"
    "{{< mermaid >}}\ngraph TD; A-->B;\n{{< /mermaid >}}\n\n"
    "{{% md %}}\n**粗字**\n{{% /md %}}\n\n"
    "| a | b |\n|--|--|\n| 1 | 2 |\n{.table}\n\n"
    '{{< bilibili BV1xx411c7mD >}} {{< counter 5 >}}\n\n<video controls src="film.mp4"></video>\n\n'
    "公式 $E = mc^2$，價錢 $5 到 $8。\n\n$$\n\\sum_{i=1}^n i\n$$\n"
)
JEKYLL = (
    f'{YAML}段落{{: .lead #intro}}\n\n![圖](/a.png){{: width="50%"}} 與 [鈕](https://b.example){{: .btn}}\n\n'
    '<div markdown="1">\n**粗** 字\n</div>\n\n'
    "用 HTML 寫[^1]，又一句^[行內註 *斜*]。\n\n*[HTML]: HyperText Markup Language\n\n[^1]: 註腳\n\n"
    '{% include video id="dQw4w9WgXcQ" provider="youtube" %}\n\n{{ page.title }} 與 {% raw %}{{ kept }}{% endraw %}\n\n'
    '{% if site.x %}有{% endif %}\n\n<script src="https://gist.github.com/demo/0123.js"></script>\n\n'
    '<img data-src="/lazy.png" alt="慢">\n\n```\n{{ page.title }} {: .x} ^[no] $$x$$\n```\n'
)
HEXO = (
    "title: 題\ndate: 2024/01/05 08:00:00\ntags:\n  - 甲\n---\n"
    "{% cq %} 詩句 {% endcq %}\n\n{% tabs x %}\n<!-- tab 一 -->\n甲\n<!-- endtab -->\n<!-- tab 二@icon -->\n乙\n<!-- endtab -->\n{% endtabs %}\n\n"
    "{% btn https://x.example, 文字, home %} {% label primary @標 %}\n\n{% hideToggle 看答案 %}\n藏起來\n{% endhideToggle %}\n\n"
    "{% asset_img a.png 圖說 %}\n\n{% pdf /a.pdf %}\n\n{% unknown_tag x %}\n\n[[toc]]\n\n## 小標\n"
)
DOCUSAURUS = (
    f"{YAML}import X from './x'\n\n值 {{props.x}} 與 {{new Date().getFullYear()}}\n\n"
    "<div className=\"row\" style={{color: 'red'}}>\n\n字\n\n</div>\n\n"
    "<img src={require('./a.png').default} alt=\"圖\" />\n<img src={useBaseUrl('/img/b.png')} />\n\n"
    '<Highlight color="#25c2a0">重點</Highlight>\n\n:::tip 標題\n\n內容\n\n:::\n\n'
    '```jsx title="a.js"\nreturn <div className="a">{b}</div>\n```\n\n行內 `{code}` 與 \\{不是\\}\n'
)
OBSIDIAN = f"{YAML}[[筆記|那篇]] ![[圖.png|300]] ![[錄音.mp3]]\n\n> [!faq]- 摺疊\n> 內容\n\n%%藏%%\n\n句^[行內註]。 ^block1\n\n$x_1$ 與 ==標==\n"
# What is there, counted by hand: pictures, links, notes, tables, blocks of code, code in a line.
SHAPES = [
    (
        "content/posts/hugo.md",
        HUGO,
        {"img": 3, "a[href]": 3, "table": 1, "pre": 1, "p code": 1, "strong": 1},
        [
            "a film or sound stays at its old address",
            "a short code stays as it was typed",
        ],
    ),
    (
        "_posts/2024-01-05-jekyll.md",
        JEKYLL,
        {"img": 2, "strong": 1, "li[id^=fn]": 2, "details.embed": 1, "pre": 1},
        [
            "a program that stands at GitHub is a link",
            "a short code stays as it was typed",
            "a value that a program writes stays as it was typed",
        ],
    ),
    (
        "source/_posts/hexo.md",
        HEXO,
        {"img": 1, "h2": 1},
        ["a short code stays as it was typed"],
    ),
    (
        "docs/docusaurus.mdx",
        DOCUSAURUS,
        {"img": 0, "pre": 1, "p code": 1},
        [
            "a short code stays as it was typed",
            "a value that a program writes stays as it was typed",
        ],
    ),
    (
        "obsidian.md",
        OBSIDIAN,
        {"img": 1, "a[href]": 4, "div.callout": 1, "li[id^=fn]": 1, "p code": 1, "mark": 1},
        ["a file that is no picture stays at its old address"],
    ),
]
