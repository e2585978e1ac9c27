"""Exports of the whole site: a folder that can be read without this program, and becomes an equal site in a new one.

A backup is the database's own dump, for this program alone; an export is Markdown, pictures, letters and tables.
`folder` is the folder on the disk, with its manifest, and `writing` makes one. `sheets` says which rows stand in which
table, `cells` how a value is written, `texts` what posts and issues look like, `copies` the ledger, `places` what lies
beside the database. `exporting` reads all of it in one `snapshot`. `importing` brings it into an empty installation,
`filling` its tables.

Begin with `sheets.py`. Why it is so: docs/decisions/0098-an-export-is-a-folder-that-anybody-can-read.md.
"""
