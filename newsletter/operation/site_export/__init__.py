"""Exports of the whole site: a folder that can be read without this program, and becomes an equal site in a new one.

A backup is the database's own dump, for this program alone; an export is Markdown, pictures, letters and tables.

Begin with `sheets.py`. Why it is so: docs/decisions/0098-an-export-is-a-folder-that-anybody-can-read.md.
"""
