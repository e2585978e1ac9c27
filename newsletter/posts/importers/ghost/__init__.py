"""Ghost's export, of every age: JSON as Ghost writes it, or the zip in which it lies beside its pictures."""
