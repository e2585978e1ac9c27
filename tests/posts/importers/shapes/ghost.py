# ruff: noqa: E501 - lines as Ghost writes them
"""Three exports of Ghost: Markdown of its first years, Mobiledoc, and Lexical with every card, each with its page."""

import json

URL = "__GHOST_URL__"
FRAME = '<iframe width="200" height="113" src="https://www.youtube.com/embed/dQw4w9WgXcQ?feature=oembed" allowfullscreen></iframe>'


def wrapped(words):
    return f'<span style="white-space: pre-wrap;">{words}</span>'


def text(words, format_=0):
    return {
        "detail": 0,
        "format": format_,
        "mode": "normal",
        "style": "",
        "text": words,
        "type": "extended-text",
        "version": 1,
    }


def block(kind, *children, **more):
    return {
        "children": list(children),
        "direction": "ltr",
        "format": "",
        "indent": 0,
        "type": kind,
        "version": 1,
        **more,
    }


def lexical(*children):
    return json.dumps({"root": block("root", *children)})


def mobiledoc(*sections, cards=(), atoms=(), markups=()):
    return json.dumps(
        {"version": "0.3.1", "atoms": atoms, "cards": cards, "markups": markups, "sections": [*sections, [1, "p", []]]}
    )


# What Lexical keeps of a part, and what the page of it was.
CARDS = (
    (
        block(
            "paragraph",
            text("段 "),
            text("粗", 1),
            text("斜", 2),
            text("刪", 4),
            text("底", 8),
            text("碼", 16),
            block("link", text("連"), url="https://e.org", rel=None, target=None, title=None),
            {"type": "linebreak", "version": 1},
            text("行"),
        ),
        '<p>段 <strong>粗</strong><em>斜</em><s>刪</s><u>底</u><code>碼</code><a href="https://e.org">連</a><br>行</p>',
    ),
    (
        {
            "type": "image",
            "src": f"{URL}/content/images/2024/01/a.jpg",
            "alt": "替",
            "title": "",
            "caption": wrapped("圖說"),
            "href": "https://e.org/i",
            "cardWidth": "wide",
        },
        f'<figure class="kg-card kg-image-card kg-width-wide kg-card-hascaption"><a href="https://e.org/i"><img src="{URL}/content/images/2024/01/a.jpg" class="kg-image" alt="替" loading="lazy" width="1" height="1"></a><figcaption>{wrapped("圖說")}</figcaption></figure>',
    ),
    (
        {
            "type": "gallery",
            "images": [
                {"row": 0, "src": f"{URL}/content/images/g1.jpg", "alt": "一"},
                {"row": 0, "src": f"{URL}/content/images/g2.jpg"},
            ],
            "caption": f"<p>{wrapped('一組')}</p>",
        },
        f'<figure class="kg-card kg-gallery-card kg-width-wide kg-card-hascaption"><div class="kg-gallery-container"><div class="kg-gallery-row"><div class="kg-gallery-image"><img src="{URL}/content/images/g1.jpg" alt="一"></div><div class="kg-gallery-image"><img src="{URL}/content/images/g2.jpg" alt></div></div></div><figcaption><p>{wrapped("一組")}</p></figcaption></figure>',
    ),
    (
        {
            "type": "bookmark",
            "url": "https://e.org/b",
            "metadata": {
                "icon": "https://e.org/i.ico",
                "title": "書籤",
                "description": "它的描述",
                "author": "甲",
                "publisher": "乙",
                "thumbnail": "https://e.org/t.png",
            },
            "caption": "籤說",
        },
        '<figure class="kg-card kg-bookmark-card kg-card-hascaption"><a class="kg-bookmark-container" href="https://e.org/b"><div class="kg-bookmark-content"><div class="kg-bookmark-title">書籤</div><div class="kg-bookmark-description">它的描述</div><div class="kg-bookmark-metadata"><img class="kg-bookmark-icon" src="https://e.org/i.ico" alt><span class="kg-bookmark-author">甲</span><span class="kg-bookmark-publisher">乙</span></div></div><div class="kg-bookmark-thumbnail"><img src="https://e.org/t.png" alt onerror="this.style.display = \'none\'"></div></a><figcaption>籤說</figcaption></figure>',
    ),
    (
        {
            "type": "embed",
            "url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "embedType": "video",
            "html": FRAME,
            "metadata": {},
            "caption": "片說",
        },
        f'<figure class="kg-card kg-embed-card kg-card-hascaption">{FRAME}<figcaption>片說</figcaption></figure>',
    ),
    (
        {
            "type": "callout",
            "calloutText": f"<p>{wrapped('注意')}</p>",
            "calloutEmoji": "💡",
            "backgroundColor": "blue",
        },
        f'<div class="kg-card kg-callout-card kg-callout-card-blue"><div class="kg-callout-emoji">💡</div><div class="kg-callout-text"><p>{wrapped("注意")}</p></div></div>',
    ),
    (
        {"type": "toggle", "heading": wrapped("摺起來"), "content": f"<p>{wrapped('裡面')}</p>"},
        f'<div class="kg-card kg-toggle-card" data-kg-toggle-state="close"><div class="kg-toggle-heading"><h4 class="kg-toggle-heading-text">{wrapped("摺起來")}</h4><button class="kg-toggle-card-icon" aria-label="Expand toggle to read content"><svg id="Regular"><path d="M0"></path></svg></button></div><div class="kg-toggle-content"><p>{wrapped("裡面")}</p></div></div>',
    ),
    (
        {"type": "button", "buttonText": "按這裡", "buttonUrl": "https://e.org/btn", "alignment": "center"},
        '<div class="kg-card kg-button-card kg-align-center"><a href="https://e.org/btn" class="kg-btn kg-btn-accent">按這裡</a></div>',
    ),
    (
        {"type": "codeblock", "code": "if a < b:\n  x", "language": "python", "caption": "碼說"},
        '<figure class="kg-card kg-code-card"><pre><code class="language-python">if a &lt; b:\n  x</code></pre><figcaption>碼說</figcaption></figure>',
    ),
    ({"type": "html", "html": "<p>原樣</p>"}, "<!--kg-card-begin: html-->\n<p>原樣</p>\n<!--kg-card-end: html-->"),
    (
        {"type": "markdown", "markdown": "**標記**\n二"},
        "<!--kg-card-begin: markdown--><p><strong>標記</strong><br>\n二</p>\n<!--kg-card-end: markdown-->",
    ),
    ({"type": "email", "html": "<p>只在信裡</p>"}, ""),
    ({"type": "email-cta", "html": "<p>也是</p>", "showButton": False, "segment": "status:free"}, ""),
    ({"type": "paywall", "version": 1}, "<!--members-only-->"),
    ({"type": "horizontalrule", "version": 1}, "<hr>"),
    (
        {"type": "audio", "src": f"{URL}/content/media/a.mp3", "title": "聲音", "duration": 1},
        f'<div class="kg-card kg-audio-card"><img src="" alt="audio-thumbnail" class="kg-audio-thumbnail kg-audio-hide"><div class="kg-audio-player-container"><audio src="{URL}/content/media/a.mp3" preload="metadata"></audio><div class="kg-audio-title">聲音</div><div class="kg-audio-player"><button class="kg-audio-play-icon"><svg><path d="M0"></path></svg></button><span class="kg-audio-current-time">0:00</span></div></div></div>',
    ),
    (
        {
            "type": "file",
            "src": f"{URL}/content/files/f.pdf",
            "fileTitle": "檔案",
            "fileCaption": "檔說",
            "fileName": "f.pdf",
            "fileSize": 1000,
        },
        f'<div class="kg-card kg-file-card"><a class="kg-file-card-container" href="{URL}/content/files/f.pdf" title="Download" download><div class="kg-file-card-contents"><div class="kg-file-card-title">檔案</div><div class="kg-file-card-caption">檔說</div><div class="kg-file-card-metadata"><div class="kg-file-card-filename">f.pdf</div><div class="kg-file-card-filesize">1 KB</div></div></div></a></div>',
    ),
    (
        {
            "type": "product",
            "productImageSrc": f"{URL}/content/images/p.png",
            "productTitle": "好物",
            "productDescription": "<p>它的好處</p>",
            "productRatingEnabled": False,
            "productButtonEnabled": True,
            "productButton": "去買",
            "productUrl": "https://e.org/buy",
        },
        f'<div class="kg-card kg-product-card"><div class="kg-product-card-container"><img src="{URL}/content/images/p.png" class="kg-product-card-image"><div class="kg-product-card-title-container"><h4 class="kg-product-card-title">好物</h4></div><div class="kg-product-card-description"><p>它的好處</p></div><a href="https://e.org/buy" class="kg-product-card-button"><span>去買</span></a></div></div>',
    ),
    (
        {
            "type": "header",
            "version": 2,
            "header": "大標",
            "subheader": "副標",
            "buttonEnabled": True,
            "buttonText": "前往",
            "buttonUrl": "https://e.org/go",
            "backgroundImageSrc": "",
        },
        '<div class="kg-card kg-header-card kg-v2"><div class="kg-header-card-content"><div class="kg-header-card-text"><h2 class="kg-header-card-heading">大標</h2><p class="kg-header-card-subheading">副標</p><a href="https://e.org/go" class="kg-header-card-button">前往</a></div></div></div>',
    ),
    (
        {
            "type": "call-to-action",
            "textValue": "<p>做點事</p>",
            "showButton": True,
            "buttonText": "動手",
            "buttonUrl": "https://e.org/do",
            "hasSponsorLabel": True,
            "sponsorLabel": "<p>贊助</p>",
            "imageUrl": f"{URL}/content/images/c.png",
        },
        f'<div class="kg-card kg-cta-card"><div class="kg-cta-sponsor-label-wrapper"><div class="kg-cta-sponsor-label"><p>贊助</p></div></div><div class="kg-cta-content"><div class="kg-cta-image-container"><img src="{URL}/content/images/c.png"></div><div class="kg-cta-content-inner"><div class="kg-cta-text"><p>做點事</p></div><a href="https://e.org/do" class="kg-cta-button">動手</a></div></div></div>',
    ),
    (
        block(
            "list",
            block("listitem", text("外"), value=1),
            block(
                "listitem",
                block("list", block("listitem", text("內"), value=1), listType="bullet", start=1, tag="ul"),
                value=2,
            ),
            listType="number",
            start=3,
            tag="ol",
        ),
        '<ol start="3"><li value="3">外<ul><li>內</li></ul></li></ol>',
    ),
    (block("extended-heading", text("小標"), tag="h2"), '<h2 id="x">小標</h2>'),
    (block("extended-quote", text("引言")), "<blockquote>引言</blockquote>"),
    (block("aside", text("旁白")), '<blockquote class="kg-blockquote-alt">旁白</blockquote>'),
)


def post(number, **given):
    return {
        "id": str(number),
        "uuid": f"u{number}",
        "title": f"第 {number} 篇",
        "slug": f"post-{number}",
        "status": "published",
        "visibility": "public",
        "published_at": f"2024-01-0{number}T00:00:00.000Z",
        **given,
    }


LEXICAL = {
    "db": [
        {
            "meta": {"exported_on": 1700000000000, "version": "5.80.0"},
            "data": {
                "posts": [
                    post(
                        1,
                        type="post",
                        lexical=lexical(*(card for card, _page in CARDS)),
                        html="".join(page for _card, page in CARDS),
                    ),
                    post(
                        2,
                        type="post",
                        lexical=lexical(
                            block("paragraph", text("見 "), block("link", text("前篇"), url=f"{URL}/post-1/"))
                        ),
                        html=f'<p>見 <a href="{URL}/post-1/">前篇</a></p>',
                    ),
                    post(3, type="page", lexical=lexical(block("paragraph", text("頁"))), html="<p>頁</p>"),
                ],
                "posts_meta": [{"post_id": "1", "feature_image_alt": "替", "feature_image_caption": None}],
                "settings": [{"key": "title", "value": "x"}],
            },
        }
    ]
}
MOBILEDOC = {
    "meta": {"exported_on": 1500000000000, "version": "2.2.0"},
    "data": {
        "posts": [
            post(
                1,
                page=0,
                mobiledoc=mobiledoc(
                    [1, "p", [[0, [0], 1, "粗"], [0, [], 0, "字"], [1, [], 0, 0], [0, [1], 1, "連"]]],
                    [3, "ul", [[[0, [], 0, "甲"]], [[0, [], 0, "乙"]]]],
                    *([10, index] for index in range(6)),
                    [1, "h2", [[0, [], 0, "小標"]]],
                    cards=[
                        ["image", {"src": "/content/images/a.jpg", "caption": "圖說", "cardWidth": "full"}],
                        ["card-markdown", {"markdown": "一\n二\n\n| a | b |\n|--|--|\n| 1 | 2 |"}],
                        ["html", {"html": "<div>原樣</div>"}],
                        ["embed", {"url": "https://e.org/e", "html": FRAME}],
                        ["code", {"code": "x = 1", "language": "py"}],
                        ["hr", {}],
                    ],
                    atoms=[["soft-return", "", {}]],
                    markups=[["strong"], ["a", ["href", "https://e.org"]]],
                ),
                html=f'<p><strong>粗</strong>字<br><a href="https://e.org">連</a></p><ul><li>甲</li><li>乙</li></ul><figure class="kg-card kg-image-card kg-width-full"><img src="/content/images/a.jpg" class="kg-image"><figcaption>圖說</figcaption></figure><!--kg-card-begin: markdown--><p>一<br>\n二</p>\n<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>\n<!--kg-card-end: markdown--><!--kg-card-begin: html--><div>原樣</div><!--kg-card-end: html--><figure class="kg-card kg-embed-card">{FRAME}</figure><pre><code class="language-py">x = 1</code></pre><hr><h2 id="x">小標</h2>',
            ),
            post(2, page=1, mobiledoc=mobiledoc([1, "p", [[0, [], 0, "頁"]]]), html="<p>頁</p>"),
        ]
    },
}
MARKDOWN = {
    "meta": {"exported_on": 1388318311015, "version": "003"},
    "data": {
        "posts": [
            {
                "id": 1,
                "title": "等待",
                "slug": "waiting",
                "markdown": "一\n二 <i>斜</i>\n\n![圖](/content/images/2014/Jan/a.jpg)\n\n```language-js\nx\n```\n\n- 甲\n- 乙\n\n## 題\n\n> 引一\n> 引二",
                "html": '<p>一 <br />\n二 <i>斜</i></p>\n\n<p><img src="/content/images/2014/Jan/a.jpg" alt="圖" /></p>\n\n<pre><code class="language-js">x  \n</code></pre>\n\n<ul>\n<li>甲</li>\n<li>乙</li>\n</ul>\n\n<h2 id="">題</h2>\n\n<blockquote>\n  <p>引一<br />\n  引二</p>\n</blockquote>',
                "page": 0,
                "status": "published",
                "published_at": 1388404710000,
            },
            {
                "id": 2,
                "title": "草稿",
                "slug": "x",
                "markdown": "寫",
                "html": "<p>寫</p>",
                "page": 0,
                "status": "draft",
                "published_at": None,
            },
        ],
        "settings": [{"key": "permalinks", "value": "/:year/:month/:day/:slug/"}],
    },
}
EXPORTS = {"lexical": LEXICAL, "mobiledoc": MOBILEDOC, "markdown": MARKDOWN}
