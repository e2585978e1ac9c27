"""What /metrics says, in Prometheus' text format.

`requests` counts what the web processes of this machine answer, in files that they share. `gathering` asks the
database, the heartbeats and the disk when somebody looks. `page` puts both together.

Begin with `gathering.py`.
"""
