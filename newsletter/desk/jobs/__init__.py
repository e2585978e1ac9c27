"""Background jobs: actions on many readers, and imports of posts.

A page creates a job; each step is committed with the job's row, so that after a kill the next worker resumes without
repeating a step. Begin with `working.py`.
"""
