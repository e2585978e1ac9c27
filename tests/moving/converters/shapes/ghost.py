# ruff: noqa: E501 - lines as Ghost writes them
"""Three exports of Ghost: Markdown of its first years, Mobiledoc, and Lexical with every card, each with its page, which is what counts."""

URL = "__GHOST_URL__"
LEXICAL_SOURCE = '{"root": {"children": [{"type": "paragraph", "children": [{"type": "extended-text", "text": "x"}]}]}}'
MOBILE_SOURCE = (
    '{"version": "0.3.1", "atoms": [], "cards": [], "markups": [], "sections": [[1, "p", [[0, [], 0, "x"]]]]}'
)
# The pages of all cards.
PAGES = (
    '<p>段 <strong>粗</strong><em>斜</em><s>刪</s><u>底</u><code>碼</code><a href="https://e.org">連</a><br>行</p>',
    '<figure class="kg-card kg-image-card kg-width-wide kg-card-hascaption"><a href="https://e.org/i"><img src="__GHOST_URL__/content/images/2024/01/a.jpg" class="kg-image" alt="替" loading="lazy" width="1" height="1"></a><figcaption><span style="white-space: pre-wrap;">圖說</span></figcaption></figure>',
    '<figure class="kg-card kg-gallery-card kg-width-wide kg-card-hascaption"><div class="kg-gallery-container"><div class="kg-gallery-row"><div class="kg-gallery-image"><img src="__GHOST_URL__/content/images/g1.jpg" alt="一"></div><div class="kg-gallery-image"><img src="__GHOST_URL__/content/images/g2.jpg" alt></div></div></div><figcaption><p><span style="white-space: pre-wrap;">一組</span></p></figcaption></figure>',
    '<figure class="kg-card kg-bookmark-card kg-card-hascaption"><a class="kg-bookmark-container" href="https://e.org/b"><div class="kg-bookmark-content"><div class="kg-bookmark-title">書籤</div><div class="kg-bookmark-description">它的描述</div><div class="kg-bookmark-metadata"><img class="kg-bookmark-icon" src="https://e.org/i.ico" alt><span class="kg-bookmark-author">甲</span><span class="kg-bookmark-publisher">乙</span></div></div><div class="kg-bookmark-thumbnail"><img src="https://e.org/t.png" alt onerror="this.style.display = \'none\'"></div></a><figcaption>籤說</figcaption></figure>',
    '<figure class="kg-card kg-embed-card kg-card-hascaption"><iframe width="200" height="113" src="https://www.youtube.com/embed/dQw4w9WgXcQ?feature=oembed" allowfullscreen></iframe><figcaption>片說</figcaption></figure>',
    '<div class="kg-card kg-callout-card kg-callout-card-blue"><div class="kg-callout-emoji">💡</div><div class="kg-callout-text"><p><span style="white-space: pre-wrap;">注意</span></p></div></div>',
    '<div class="kg-card kg-toggle-card" data-kg-toggle-state="close"><div class="kg-toggle-heading"><h4 class="kg-toggle-heading-text"><span style="white-space: pre-wrap;">摺起來</span></h4><button class="kg-toggle-card-icon" aria-label="Expand toggle to read content"><svg id="Regular"><path d="M0"></path></svg></button></div><div class="kg-toggle-content"><p><span style="white-space: pre-wrap;">裡面</span></p></div></div>',
    '<div class="kg-card kg-button-card kg-align-center"><a href="https://e.org/btn" class="kg-btn kg-btn-accent">按這裡</a></div>',
    '<figure class="kg-card kg-code-card"><pre><code class="language-python">if a &lt; b:\n  x</code></pre><figcaption>碼說</figcaption></figure>',
    "<!--kg-card-begin: html-->\n<p>原樣</p>\n<!--kg-card-end: html-->",
    "<!--kg-card-begin: markdown--><p><strong>標記</strong><br>\n二</p>\n<!--kg-card-end: markdown-->",
    "<!--members-only-->",
    "<hr>",
    '<div class="kg-card kg-audio-card"><img src="" alt="audio-thumbnail" class="kg-audio-thumbnail kg-audio-hide"><div class="kg-audio-player-container"><audio src="__GHOST_URL__/content/media/a.mp3" preload="metadata"></audio><div class="kg-audio-title">聲音</div><div class="kg-audio-player"><button class="kg-audio-play-icon"><svg><path d="M0"></path></svg></button><span class="kg-audio-current-time">0:00</span></div></div></div>',
    '<div class="kg-card kg-file-card"><a class="kg-file-card-container" href="__GHOST_URL__/content/files/f.pdf" title="Download" download><div class="kg-file-card-contents"><div class="kg-file-card-title">檔案</div><div class="kg-file-card-caption">檔說</div><div class="kg-file-card-metadata"><div class="kg-file-card-filename">f.pdf</div><div class="kg-file-card-filesize">1 KB</div></div></div></a></div>',
    '<div class="kg-card kg-product-card"><div class="kg-product-card-container"><img src="__GHOST_URL__/content/images/p.png" class="kg-product-card-image"><div class="kg-product-card-title-container"><h4 class="kg-product-card-title">好物</h4></div><div class="kg-product-card-description"><p>它的好處</p></div><a href="https://e.org/buy" class="kg-product-card-button"><span>去買</span></a></div></div>',
    '<div class="kg-card kg-header-card kg-v2"><div class="kg-header-card-content"><div class="kg-header-card-text"><h2 class="kg-header-card-heading">大標</h2><p class="kg-header-card-subheading">副標</p><a href="https://e.org/go" class="kg-header-card-button">前往</a></div></div></div>',
    '<div class="kg-card kg-cta-card"><div class="kg-cta-sponsor-label-wrapper"><div class="kg-cta-sponsor-label"><p>贊助</p></div></div><div class="kg-cta-content"><div class="kg-cta-image-container"><img src="__GHOST_URL__/content/images/c.png"></div><div class="kg-cta-content-inner"><div class="kg-cta-text"><p>做點事</p></div><a href="https://e.org/do" class="kg-cta-button">動手</a></div></div></div>',
    '<ol start="3"><li value="3">外<ul><li>內</li></ul></li></ol>',
    '<h2 id="x">小標</h2>',
    "<blockquote>引言</blockquote>",
    '<blockquote class="kg-blockquote-alt">旁白</blockquote>',
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
                    post(1, type="post", lexical=LEXICAL_SOURCE, html="".join(PAGES)),
                    post(2, type="post", lexical=LEXICAL_SOURCE, html=f'<p>見 <a href="{URL}/post-1/">前篇</a></p>'),
                    post(3, type="page", lexical=LEXICAL_SOURCE, html="<p>頁</p>"),
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
                mobiledoc=MOBILE_SOURCE,
                html='<p><strong>粗</strong>字<br><a href="https://e.org">連</a></p><ul><li>甲</li><li>乙</li></ul><figure class="kg-card kg-image-card kg-width-full"><img src="/content/images/a.jpg" class="kg-image"><figcaption>圖說</figcaption></figure><!--kg-card-begin: markdown--><p>一<br>\n二</p>\n<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>\n<!--kg-card-end: markdown--><!--kg-card-begin: html--><div>原樣</div><!--kg-card-end: html--><figure class="kg-card kg-embed-card"><iframe width="200" height="113" src="https://www.youtube.com/embed/dQw4w9WgXcQ?feature=oembed" allowfullscreen></iframe></figure><pre><code class="language-py">x = 1</code></pre><hr><h2 id="x">小標</h2>',
            ),
            post(2, page=1, mobiledoc=MOBILE_SOURCE, html="<p>頁</p>"),
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
