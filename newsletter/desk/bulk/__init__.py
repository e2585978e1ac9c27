"""Work on many readers in the background: what was chosen, what is done, and a row that says how far it is.

An errand is begun by a page (desk/readers/) and done by a worker, some thousand readers in one transaction, in the
order of their numbers. The row of the errand moves in the same transaction: after a kill the next worker goes on where
it stood, and nothing is done twice. Begin with `working.py`.
"""
