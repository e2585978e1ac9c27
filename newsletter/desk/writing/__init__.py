"""What helps while a post is written: answers to the scripts of its form about a text that is not saved.

`checking.py` runs the format check and measures length and size; `linking.py` finds own posts to link to. Nothing in
this room stores anything: saving is in `newsletter/posts/saving.py`, the form in `newsletter/posts/admin.py`.
"""
