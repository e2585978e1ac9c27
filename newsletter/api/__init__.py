"""The rules of the desk by HTTP, for programs, and what is sent to other programs: hooks/.

Begin with `hooks/recording.py`.
"""
