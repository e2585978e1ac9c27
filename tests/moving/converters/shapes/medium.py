# ruff: noqa: E501 - lines as Medium writes them
"""Three exports of Medium: stories, what lies beside them (drafts, answers, a profile), and a blog of 2014."""

CDN = "https://cdn-images-1.medium.com/max"


def story(title, subtitle, inner, *, number="0123456789ab", day="2024-05-06T08:00:00.000Z"):
    return f"""<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><title>{title}</title><style>
      * {{ font-family: Georgia; }}
    </style></head><body><article class="h-entry">
<header>
<h1 class="p-name">{title}</h1>
</header>
<section data-field="subtitle" class="p-summary">
{subtitle}
</section>
<section data-field="body" class="e-content">
{inner}
</section>
<footer><p>By <a href="https://medium.com/@demo" class="p-author h-card">甲</a> on <a href="https://medium.com/p/{number}"><time class="dt-published" datetime="{day}">May 6, 2024</time></a>.</p><p><a href="https://medium.com/@demo/x-{number}" class="p-canonical">Canonical link</a></p><p>Exported from <a href="https://medium.com">Medium</a> on May 7, 2024.</p></footer></article></body></html>"""


def section(inner, divider=True):
    rule = '<div class="section-divider"><hr class="section-divider"></div>' if divider else ""
    return f'<section name="5f4b" class="section section--body">{rule}<div class="section-content"><div class="section-inner sectionLayout--insetColumn">{inner}</div></div></section>'


ESSAY = section(
    '<h3 name="f0" id="f0" class="graf graf--h3 graf--leading graf--title">等待</h3><h4 name="f1" class="graf graf--h4 graf-after--h3 graf--subtitle">一課</h4>'
    f'<figure name="f2" class="graf graf--figure graf-after--h4"><img class="graf-image" data-image-id="1*a.png" data-width="1400" src="{CDN}/800/1*a.png"><figcaption class="imageCaption">白板，<a href="https://photo.example" data-href="https://photo.example" class="markup--anchor markup--figure-anchor" rel="noopener" target="_blank">甲</a>攝</figcaption></figure>'
    '<p name="f3" class="graf graf--p graf--hasDropCapModel graf--hasDropCap graf-after--figure"><span class="graf-dropCap">管</span>理的第一課，是<strong class="markup--strong markup--p-strong">學會等待</strong>。見 <a href="https://medium.com/u/abc" data-anchor-type="2" data-action="show-user-card" class="markup--user markup--p-user">王小明</a>。</p>'
    '<blockquote class="graf graf--pullquote graf-after--p">一句大字</blockquote><ul class="postList"><li class="graf graf--li">甲</li><li class="graf graf--li">乙<br>丙</li></ul>',
    divider=False,
) + section('<p class="graf graf--p graf--leading">第二節。</p><p class="graf graf--p graf--empty"><br></p>')
CODE = section(
    '<h3 class="graf graf--h3 graf--leading graf--title">程式</h3>'
    '<pre data-code-block-mode="2" spellcheck="false" data-code-block-lang="python" name="9f4b" id="9f4b" class="graf graf--pre graf-after--p graf--preV2"><span class="pre--content"><span class="hljs-keyword">def</span> <span class="hljs-title function_">wait</span>():<br />    <span class="hljs-keyword">return</span> <span class="hljs-number">1</span></span></pre>'
    '<p class="graf graf--p">用 <code class="markup--code markup--p-code">wait()</code>。</p>'
    '<figure class="graf graf--figure graf--iframe graf-after--p"><script src="https://gist.github.com/demo/0123456789abcdef.js"></script><figcaption class="imageCaption">全部的程式</figcaption></figure>'
    '<pre class="graf graf--pre">一行<br>  兩行</pre>',
    divider=False,
)
BOXES = (
    f'<section name="x" class="section section--body section--withImage"><div class="section-background section-background--image" style="background-image: url(&#39;{CDN}/2600/1*bg.jpeg&#39;);"></div><div class="section-content"><div class="section-inner"><p class="graf graf--p">大圖上的字</p></div></div></section>'
    + section(
        '<div class="graf graf--mixtapeEmbed"><a href="https://read.example/a" data-href="https://read.example/a" class="markup--anchor markup--mixtapeEmbed-anchor" title="https://read.example/a"><strong class="markup--strong markup--mixtapeEmbed-strong">推薦的書</strong><br><em class="markup--em markup--mixtapeEmbed-em">三句說明</em>read.example</a><a href="https://read.example/a" class="js-mixtapeImage mixtapeImage u-ignoreBlock" data-media-id="1" data-thumbnail-img-id="0*a" style="background-image: url(https://cdn-images-1.medium.com/fit/c/160/160/0*a);"></a></div>'
        '<figure class="graf graf--figure graf--iframe"><iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ?feature=oembed" width="700" height="393" frameborder="0" scrolling="no"></iframe></figure>'
        '<figure class="graf graf--figure graf--iframe"><blockquote class="twitter-tweet"><a href="https://twitter.com/a/status/1"></a></blockquote><script async src="//platform.twitter.com/widgets.js" charset="utf-8"></script></figure>'
        f'<div class="section-inner sectionLayout--outsetRow" data-paragraph-count="2"><figure class="graf graf--figure graf--layoutOutsetRow"><img class="graf-image" src="{CDN}/600/1*b.png"></figure><figure class="graf graf--figure graf--layoutOutsetRowContinue"><a href="https://link.example" class="graf-imageAnchor" data-action="image-link"><img class="graf-image" alt="替代文字" src="{CDN}/600/1*c.png"></a><figcaption class="imageCaption">兩張圖</figcaption></figure></div>'
    )
)
EXPORT = {
    "README.html": "<html><body><p>Welcome to your archive</p></body></html>",
    "posts/2024-05-06_----0123456789ab.html": story("等待", "一課", ESSAY),
    "posts/2024-05-07_code-1123456789ab.html": story("程式", "", CODE, number="1123456789ab"),
    "posts/2024-05-08_boxes-2123456789ab.html": story("盒子", "", BOXES, number="2123456789ab"),
    "claps/claps-0001.html": '<html><body><ul><li class="h-cite">+3</li></ul></body></html>',
}


REPLY = section(
    '<p name="a1" class="graf graf--p graf--leading graf--trailing">謝謝你寫這篇，我也等了很久。</p>', divider=False
)
NOTES = section(
    '<h3 class="graf graf--h3 graf--leading graf--title">有註腳</h3>'
    '<p name="n1" id="n1" class="graf graf--p">第一句<a href="#b1" data-href="#b1" class="markup--anchor markup--p-anchor">[1]</a>，'
    '第二句<strong class="markup--strong markup--p-strong"><sup><a href="#b2" class="markup--anchor">2</a></sup></strong>。</p>'
    '<p name="b1" id="b1" class="graf graf--p graf-after--p">第一個註腳。<a href="#n1" class="markup--anchor">↩</a></p>'
    '<figure class="graf graf--figure graf--iframe"><iframe src="https://medium.com/media/0123456789abcdef/href" width="0" height="0"></iframe></figure>'
    '<p name="b2" id="b2" class="graf graf--p graf--trailing">不回頭的註腳。</p>',
    divider=False,
)
OLD = (
    '<section class="section--first section--last"><div class="section-divider layoutSingleColumn"><hr class="section-divider"></div><div class="section-content"><div class="section-inner layoutSingleColumn">'
    '<h2 name="o1" class="graf--h2 graf--first">二〇一四</h2><p name="o2" class="graf--p"><a href="http://e.org/a" data-href="http://e.org/a" class="markup--anchor markup--p-anchor" title="e.org" rel="nofollow">連</a>與 <b class="markup--strong">粗</b><i>斜</i></p>'
    f'<figure name="o3" class="graf--figure"><div class="aspectRatioPlaceholder is-locked" style="max-width: 700px;"><div class="aspect-ratio-fill" style="padding-bottom: 66%;"></div><img class="graf-image" data-image-id="1*o.jpeg" src="{CDN}/800/1*o.jpeg"></div></figure>'
    '<ol class="postList"><li class="graf--li">一</li></ol><blockquote class="graf--blockquote">引</blockquote></div></div></section>'
)
BESIDE = {
    "README.html": "<html><body><p>Welcome to your archive</p></body></html>",
    "profile/profile.html": '<html><body><section class="h-card"><h3 class="p-name">甲</h3></section></body></html>',
    "posts/draft_----3123456789ab.html": story(
        "寫到一半", "", section('<p class="graf graf--p">草稿</p>'), number="3123456789ab"
    ).replace(
        '<time class="dt-published" datetime="2024-05-06T08:00:00.000Z">May 6, 2024</time>', "<time>May 6, 2024</time>"
    ),
    "posts/2024-05-08_----4123456789ab.html": story("謝謝你寫這篇，我也等了很久。", "", REPLY, number="4123456789ab"),
    "posts/2024-05-09_----5123456789ab.html": story("有註腳", "", NOTES, number="5123456789ab"),
    "bookmarks/bookmarks-0001.html": "<html><body><ul></ul></body></html>",
}
EXPORTS = {
    "stories": EXPORT,
    "beside": BESIDE,
    "old": {"posts/2014-05-06_----6123456789ab.html": story("二〇一四", "", OLD, number="6123456789ab")},
}
