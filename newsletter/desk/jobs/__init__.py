"""Work in the background: on many readers, and posts that come in by a file.

A page begins a job; its row moves in the transaction of each step, so that after a kill the next worker goes on where
it stood, and nothing is done twice. Begin with `working.py`.
"""
