"""What the doctor asks of this machine, of the mail servers and of the secret key; diagnosis.py has the whole table.

Each question is a function that yields findings: of the folders, the disk and the files of the product in machine.py,
of the mail servers, as far as the password, in mail_servers.py, of keys that were lost in secrets_kept.py.
"""
