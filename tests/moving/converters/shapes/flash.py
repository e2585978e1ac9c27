# ruff: noqa: E501 - lines as the programs write them
"""Three exports of blogs that began in the years of Flash: Ghost after a move from WordPress, a WXR, and Medium."""

import json

from tests.moving.converters.shapes import medium, wxr

FILM = "http://www.youtube.com/v/dQw4w9WgXcQ"
OBJECT = f'<object width="425" height="344"><param name="movie" value="{FILM}&amp;hl=en&amp;fs=1"><param name="allowFullScreen" value="true"></param><param name="allowscriptaccess" value="always"><embed src="{FILM}&amp;hl=en&amp;fs=1" type="application/x-shockwave-flash" allowscriptaccess="always" allowfullscreen="true" width="425" height="344"></embed></object>'
PLAYER = '<object classid="clsid:d27cdb6e-ae6d-11cf-96b8-444553540000" width="320" height="240"><param name="movie" value="http://player.example/p.swf" /><param name="quality" value="high" /><embed src="http://player.example/p.swf" quality="high" width="320" height="240"></object>'
CODE = "<?php\nif ($count < 3 && $next > 2) {\n    echo \"<p class='x'>第 <b>$count</b> 個</p>\";\n}\n\n?>\n<ul><li>"
AFTER = '<h2>之後的標題</h2><p>之後的<strong>粗體</strong>與<a href="https://e.org/a">連結</a>。</p><ul><li>甲<keygen name="k">乙</li><li>丙<bgsound src="a.mid">丁</li></ul><p>最後 words.</p>'
PAGE = (
    f"<p>之前的話。</p>{OBJECT}<p>中間{OBJECT}的話，{PLAYER}與後面的話。</p>{PLAYER}"
    f'<p><embed src="{FILM}" type="application/x-shockwave-flash"> 在段落裡。</p>'
    f'<pre lang="php" line="1">\n{CODE}\n</pre><p>程式之後。<img src="__GHOST_URL__/content/images/2012/a.png" alt="圖"></p>{AFTER}'
)
GHOST = {
    "blog.json": json.dumps(
        {
            "db": [
                {
                    "meta": {"version": "5.0.0"},
                    "data": {
                        "posts": [
                            {
                                "id": "f1",
                                "slug": "flash",
                                "title": "影片",
                                "status": "published",
                                "published_at": "2012-05-06T00:00:00.000Z",
                                "html": PAGE,
                            }
                        ]
                    },
                }
            ]
        }
    )
}
WORDPRESS = wxr.export(
    wxr.item(1, "影片", PAGE.replace("__GHOST_URL__/content/images", f"{wxr.OLD}/wp-content/uploads")),
    wxr.item(
        2, "舊編輯器", f'之前的話。\n\n{OBJECT}\n\n之後\n的話。{PLAYER}\n\n<pre lang="php">{CODE}</pre>\n\n{AFTER}'
    ),
)
MEDIUM = {"posts/2013-05-06_flash-3123456789ab.html": medium.story("影片", "", medium.section(PAGE, divider=False))}
