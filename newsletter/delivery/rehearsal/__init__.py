"""Test copies and rehearsals: a letter and its links checked before it is sent."""
