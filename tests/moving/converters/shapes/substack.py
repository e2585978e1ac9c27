# ruff: noqa: E501 - lines as Substack writes them
"""Three exports of Substack: essays, a letter of links with every kind of box, and a podcast with closed posts."""

import json
from html import escape

HEAD = "post_id,post_date,is_published,email_sent_at,inbox_sent_at,type,audience,title,subtitle,podcast_url\n"
S3 = "https://substack-post-media.s3.amazonaws.com/public/images"
CDN = "https://substackcdn.com/image/fetch/$s_!x!,w_1456,c_limit,f_auto,q_auto:good,fl_progressive:steep"


def attrs(**data):
    return escape(json.dumps(data))


def box(classes, component, inner="", tag="div", /, **data):
    return f'<{tag} class="{classes}" data-attrs="{attrs(**data)}" data-component-name="{component}">{inner}</{tag}>'


def picture(name, alt, caption=""):
    data = attrs(src=f"{S3}/{name}", srcNoWatermark=None, fullscreen=None, alt=alt, title=None, href=None)
    said = f'<figcaption class="image-caption">{caption}</figcaption>' if caption else ""
    address = f"{CDN}/{(S3 + '/' + name).replace(':', '%3A').replace('/', '%2F')}"
    return (
        f'<div class="captioned-image-container"><figure><a class="image-link image2 is-viewable-img" target="_blank" href="{address}" data-component-name="Image2ToDOM">'
        f'<div class="image2-inset"><picture><source type="image/webp" srcset="{address} 424w" sizes="100vw">'
        f'<img src="{address}" width="1456" height="971" data-attrs="{data}" class="sizing-normal" alt="{alt}" srcset="{address} 424w" sizes="100vw"></picture>'
        f'<div class="image-link-expand"><div class="pencraft pc-display-flex"><button tabindex="0" type="button" class="pencraft pc-reset"><svg role="img" width="20"><path d="M0"></path></svg></button></div></div></div></a>{said}</figure></div>'
    )


def note(number, *paragraphs):
    inner = "".join(f"<p>{one}</p>" for one in paragraphs)
    return (
        f'<div class="footnote" data-component-name="FootnoteToDOM"><a id="footnote-{number}" href="#footnote-anchor-{number}" class="footnote-number" contenteditable="false" target="_self">{number}</a>'
        f'<div class="footnote-content">{inner}</div></div>'
    )


def anchor(number):
    return f'<a class="footnote-anchor" data-component-name="FootnoteAnchorToDOM" id="footnote-anchor-{number}" href="#footnote-{number}" target="_self">{number}</a>'


WIDGET = box(
    "subscription-widget-wrap-editor",
    "SubscribeWidgetToDOM",
    '<div class="subscription-widget show-subscribe"><div class="preamble"><p class="cta-caption">謝謝閱讀！免費訂閱就能收到新文章。</p></div><form class="subscription-widget-subscribe"><input type="email" class="email-input" name="email" placeholder="輸入電子郵件…" tabindex="-1"><input type="submit" class="button primary" value="訂閱"><div class="fake-input-wrapper"><div class="fake-input"></div><div class="fake-button"></div></div></form></div>',
    url="https://demo.substack.com/subscribe?",
    text="訂閱",
    language="zh-TW",
)

ESSAY = (
    f"<p>管理的第一課，是<strong>學會等待</strong>{anchor(1)}。</p>{picture('a_1456x971.png', '一張白板', '白板上的<em>時間軸</em>，攝影：甲')}"
    f"<h3>為什麼要等</h3><blockquote><p>「急不得。」</p></blockquote><ul><li><p>第一，事情會變。</p></li><li><p>第二，人也會變。</p><ul><li><p>尤其是新人。</p></li></ul></li></ul>"
    f'{WIDGET}<p>詳見{anchor(2)}<a href="https://demo.substack.com/p/second?utm_source=x">上一篇</a>。</p><div><hr></div>'
    f"{box('highlighted_code_block', 'HighlightedCodeBlockToDOM', '<pre class=&quot;shiki&quot;><code class=&quot;language-python&quot;>wait = 1</code></pre>'.replace('&quot;', chr(34)), language='python', nodeId='x')}"
    f'<div class="preformatted-block" data-component-name="PreformattedTextBlockToDOM"><label class="hide-text" contenteditable="false">Text within this block will maintain its original spacing when published</label><pre class="text">床前明月光\n  疑是地上霜</pre></div>'
    f"{box('latex-rendered', 'LatexBlockToDOM', persistentExpression='E = mc^2', id='AB')}"
    f"{note(1, '這句話出自一本<em>舊書</em>。')}{note(2, '第二個註腳。', '它有兩段。')}"
)
SECOND = (
    '<p>第二篇，只有幾句話。</p><div class="pullquote"><p>一句大字。</p></div>'
    f"{box('image-gallery-embed', '', gallery={'images': [{'type': 'image/jpeg', 'src': f'{S3}/g1.jpeg'}, {'type': 'image/png', 'src': f'{S3}/g2.png'}], 'caption': '花園兩景', 'alt': '兩束花', 'staticGalleryImage': {'src': f'{S3}/whole.png'}}, isEditorNode=True)}"
    f"<p>感謝{box('mention-wrap', 'MentionToDOM', '', 'span', name='王小明', id=1, type='user', url=None)}的照片。</p>"
    f"{box('captioned-button-wrap', 'CaptionedButtonToDOM', '<div class=preamble><p class=cta-caption>這篇是公開的，歡迎轉寄。</p></div><p class=button-wrapper><a class=button href=https://demo.substack.com/p/second?action=share><span>分享</span></a></p>', url='https://demo.substack.com/p/second?action=share', text='分享')}"
)
LINKS = "".join(
    [
        "<p>這週讀到的幾件事。</p>",
        box(
            "digest-post-embed",
            "",
            nodeId="n",
            caption="這期談型別。",
            size="sm",
            title="窄一點的型別",
            publishedBylines=[{"name": "甲"}],
            canonical_url="https://other.substack.com/p/narrow",
            cover_image=f"{S3}/c.png",
            publication_name="型別週報",
            publication_logo_url=f"{S3}/l.png",
        ),
        box(
            "embedded-post-wrap",
            "EmbeddedPostToDOM",
            f'<a class="embedded-post" native="true" href="https://chips.example/p/act?utm_source=substack"><div class="embedded-post-header"><img class="embedded-post-publication-logo" src="{S3}/l.png" loading="lazy"><span class="embedded-post-publication-name">晶片觀察</span></div><div class="embedded-post-title-wrapper"><div class="embedded-post-title">晶片法案</div></div><div class="embedded-post-body">半導體的一大步…</div><div class="embedded-post-cta-wrapper"><span class="embedded-post-cta">Read more</span></div><div class="embedded-post-meta">2 years ago · 4 likes · 甲</div></a>',
            id=1,
            url="https://chips.example/p/act",
            publication_name="晶片觀察",
            title="晶片法案",
            truncated_body_text="半導體的一大步…",
        ),
        box(
            "tweet",
            "Twitter2ToDOM",
            url="https://twitter.com/a/status/1",
            full_text="推文的內容",
            username="a",
            name="甲",
            photos=[{"img_url": "https://pbs.substack.com/p.jpg", "link_url": "https://t.co/y"}],
            quoted_tweet={},
        ),
        box("poll-embed", "PollToDOM", id=12345),
        box(
            "youtube-wrap",
            "Youtube2ToDOM",
            '<div class="youtube-inner"><iframe src="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0" frameborder="0"></iframe></div>',
            videoId="dQw4w9WgXcQ",
            startTime=None,
        ),
        box(
            "spotify-wrap podcast",
            "Spotify2ToDOM",
            "",
            "iframe",
            image="https://i.scdn.co/x",
            title="節目",
            subtitle="甲",
            url="https://open.spotify.com/episode/1",
        ),
        box(
            "tiktok-wrap outer",
            "TikTokCreateTikTokEmbed",
            '<iframe class="tiktok-iframe" src="https://cdn.iframe.ly/x"></iframe>',
            url="https://www.tiktok.com/@a/video/1",
            author="甲",
            title="一支舞",
        ),
        box(
            "datawrapper-wrap outer",
            "DatawrapperToDOM",
            '<iframe src="https://datawrapper.dwcdn.net/abc/1/"></iframe><script type="text/javascript">x()</script>',
            url="https://datawrapper.dwcdn.net/abc/1/",
            thumbnail_url_full=f"{S3}/chart.png",
            title="失業率",
        ),
        '<div class="file-embed-wrapper" data-component-name="FileToDOM"><div class="file-embed-container-reader"><div class="file-embed-container-top"><image class="file-embed-thumbnail-default" src="https://substackcdn.com/t.png"></image><div class="file-embed-details"><div class="file-embed-details-h1">年度報告</div><div class="file-embed-details-h2">1.5MB ∙ PDF file</div></div><a class="file-embed-button wide" href="https://demo.substack.com/api/v1/file/1.pdf"><span>Download</span></a></div><a class="file-embed-button narrow" href="https://demo.substack.com/api/v1/file/1.pdf"><span>Download</span></a></div></div>',
        box("native-video-embed", "VideoPlaceholder", mediaUploadId="u-1", duration=None),
        box(
            "comment",
            "CommentPlaceholder",
            url="https://open.substack.com/home",
            commentId=1,
            comment={"id": 1, "body": "讀者的一句話", "name": "乙"},
        ),
        box(
            "community-chat",
            "CommunityChatRenderPlaceholder",
            url="https://open.substack.com/pub/x/chat",
            subdomain="x",
        ),
        box(
            "button-wrapper",
            "ButtonCreateButton",
            '<a class="button primary" href="https://tickets.example/x"><span>買票</span></a>',
            "p",
            url="https://tickets.example/x",
            text="買票",
        ),
        '<div class="paywall-jump" data-component-name="PaywallToDOM"></div><p>最後一段。</p>',
    ]
)

EXPORTS = {
    "essays": {
        "posts.csv": HEAD
        + "101.first,2024-05-06T08:00:00.000Z,true,2024-05-06T08:05:00.000Z,,newsletter,everyone,等待,副題,\n"
        + "102.second,2024-05-20T08:00:00.000Z,true,2024-05-20T08:05:00.000Z,,newsletter,everyone,第二篇,,\n",
        "posts/101.first.html": ESSAY,
        "posts/102.second.html": SECOND,
    },
    "links": {
        "posts.csv": HEAD
        + "201.links,2024-06-01T00:00:00.000Z,true,2024-06-01T00:01:00.000Z,,newsletter,everyone,連結,,\n",
        "posts/201.links.html": LINKS,
    },
    "podcast": {
        "posts.csv": HEAD
        + "301.talk,2024-06-01T00:00:00.000Z,true,,,podcast,everyone,訪談,第一集,https://api.substack.com/feed/podcast/301/a.mp3\n"
        + "302.paid,2024-06-02T00:00:00.000Z,true,2024-06-02T00:01:00.000Z,,newsletter,only_paid,付費,,\n"
        + "303.thread,2024-06-03T00:00:00.000Z,true,,,thread,everyone,聊聊,,\n"
        + "304.draft,,false,,,newsletter,everyone,草稿,,\n"
        + "305.about,2024-06-03T00:00:00.000Z,true,,,page,everyone,關於,,\n"
        + '306.quoted,2024-06-04T00:00:00.000Z,true,,,newsletter,everyone,"標題，有逗號, 與 ""引號""","兩行\n副題",\n',
        "posts/301.talk.html": "<p>節目介紹：<strong>甲</strong>談寫作。</p><p>00:00 開場<br>12:30 正題</p>",
        "posts/302.paid.html": '<p>前半。</p><div class="paywall-jump" data-component-name="PaywallToDOM"></div><p>後半。</p>',
        "posts/303.thread.html": "<p>今天聊什麼？</p>",
        "posts/304.draft.html": "<p>寫到一半</p>",
        "posts/305.about.html": f"<p>關於我。</p>{WIDGET}",
        "posts/306.quoted.html": "<p>內文。</p>",
    },
}
