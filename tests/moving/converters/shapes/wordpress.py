# ruff: noqa: E501 - lines as WordPress writes them
"""A text of WordPress's old editor, with what plug-ins had in the sentence."""

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
