"""The files of a folder: where they are, what their front matter says, and what the program was told about them.

`texts.py` finds the files, on the disk or in a zip, and which program they belong to; `settings.py` reads how that
program was told to show them; `fields.py` reads front matter, `addresses.py` guesses where a file was to be read, and
`titles.py` knows the titles that links without words show.
"""
