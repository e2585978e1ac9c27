"""What strangers may send: how often (`rate_limits`), how much (`body_size`) and from which pages (`public_views`).

`client_ip` says whom to count, `circuit_breaker` what happens while Redis or a queue is down.
"""
