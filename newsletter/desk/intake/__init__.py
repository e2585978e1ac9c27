"""Posts that come in by a file: kept in private, tried, then written by a worker, post by post.

A page (desk/moving_in/) begins it; the row of the import moves in the transaction in which a post is written. After
a kill the next worker goes on where it stood, and no post is written twice. Begin with `working.py`.
"""
