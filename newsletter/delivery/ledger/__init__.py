"""The ledger: records each delivery's state while a mailing is sent, and recovers it after a crash."""
