# ruff: noqa: E501 - lines as WordPress writes them
"""Texts of WordPress: the block editor, the old editor, and what plug-ins leave in a text."""

BLOCKS = """<!-- wp:cover {"url":"https://old.example.org/a.jpg","hasParallax":true} -->
<div class="wp-block-cover has-parallax"><div role="img" class="wp-block-cover__image-background has-parallax" style="background-position:50% 50%;background-image:url(https://old.example.org/a.jpg)"></div><div class="wp-block-cover__inner-container"><!-- wp:paragraph {"align":"center"} --><p class="has-text-align-center">封面上的字</p><!-- /wp:paragraph --></div></div>
<!-- /wp:cover -->

<!-- wp:columns --><div class="wp-block-columns"><!-- wp:column --><div class="wp-block-column"><!-- wp:paragraph --><p>左邊。<sup data-fn="n1" class="fn"><a href="#n1" id="n1-link">1</a></sup></p><!-- /wp:paragraph --></div><!-- /wp:column --><!-- wp:column --><div class="wp-block-column"><!-- wp:list --><ul class="wp-block-list"><!-- wp:list-item --><li>右邊</li><!-- /wp:list-item --></ul><!-- /wp:list --></div><!-- /wp:column --></div><!-- /wp:columns -->

<!-- wp:media-text {"mediaId":1} --><div class="wp-block-media-text is-stacked-on-mobile"><figure class="wp-block-media-text__media"><img src="https://old.example.org/b.jpg" alt="b" class="wp-image-1"/></figure><div class="wp-block-media-text__content"><!-- wp:paragraph --><p>圖旁的字</p><!-- /wp:paragraph --></div></div><!-- /wp:media-text -->

<!-- wp:accordion --><div class="wp-block-accordion"><div class="wp-block-accordion-item"><h3 class="wp-block-accordion-heading"><button type="button" class="wp-block-accordion-heading__toggle"><span class="wp-block-accordion-heading__toggle-title">問題</span><span class="wp-block-accordion-heading__toggle-icon" aria-hidden="true">+</span></button></h3><div role="region" class="wp-block-accordion-panel"><p>答案</p></div></div></div><!-- /wp:accordion -->

<!-- wp:math {"latex":"x^2"} --><div class="wp-block-math"><math display="block"><semantics><msup><mi>x</mi><mn>2</mn></msup><annotation encoding="application/x-tex">x^2</annotation></semantics></math></div><!-- /wp:math -->

<!-- wp:table --><figure class="wp-block-table"><table class="has-fixed-layout"><thead><tr><th>一</th><th>二</th></tr></thead><tbody><tr><td>a</td><td>b<br>c</td></tr></tbody><tfoot><tr><td>合計</td><td>2</td></tr></tfoot></table><figcaption class="wp-element-caption">表一</figcaption></figure><!-- /wp:table -->

<!-- wp:verse --><pre class="wp-block-verse">床前<strong>明月</strong>光
疑是地上霜</pre><!-- /wp:verse -->

<!-- wp:file {"id":1,"href":"https://old.example.org/f.pdf"} --><div class="wp-block-file"><object class="wp-block-file__embed" data="https://old.example.org/f.pdf" type="application/pdf" aria-label="Embed of f."></object><a id="x" href="https://old.example.org/f.pdf">檔案</a><a href="https://old.example.org/f.pdf" class="wp-block-file__button wp-element-button" download>下載</a></div><!-- /wp:file -->

<!-- wp:latest-posts {"postsToShow":3} /-->

<!-- wp:footnotes /-->"""
CLASSIC = """第一行
第二行 <strong>粗</strong>，公式 $latex E=mc^2$。

[caption id="attachment_1" align="alignnone" width="300"]<a href="https://old.example.org/big.jpg"><img class="size-medium wp-image-1" src="https://old.example.org/x-300x200.jpg" alt="替" width="300" height="200" /></a> 圖說[/caption]

第二段[footnote]腳註的字[/footnote]，又一句[efn_note]另一個<em>腳註</em>[/efn_note]。
<ul>
<li>甲</li>
<li>乙</li>
</ul>
[code language="php"]<?php echo 1; ?>[/code]

<!--more-->

尾 [1] 與 [註]。

<!--nextpage-->
第二頁。"""
PLUGINS = """<pre class="lang:python decode:true " title="x">print(1)
if a &lt; b: pass</pre>
[su_note color="#fff"]短碼裡的字[/su_note]

[table id=5 /]

[audio mp3="https://old.example.org/a.mp3"][/audio]

<div class="wp-block-jetpack-tiled-gallery"><figure class="tiled-gallery__item"><img alt="一" data-id="1" data-url="https://old.example.org/1.jpg" src="https://i1.wp.com/old.example.org/1.jpg?ssl=1"/></figure></div>"""
NOTES = '[{"content":"註腳的<em>字</em>","id":"n1"}]'
