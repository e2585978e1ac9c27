"""WordPress's export (WXR): posts and pages, in blocks or in the editor before them.

`items.py` reads the file, `texts.py` makes HTML of what the editors kept, `galleries.py` puts pictures where only their
numbers stood. `source.py` puts posts together. A document type or an entity of its own ends the import
(docs/decisions/0078). Source: wp-admin/includes/export.php.
"""
