"""What the programs in the background share: which of them run on which machine, and whether they have one environment.

Begin with `machines.py`.
"""
