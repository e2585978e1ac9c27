"""A worker's lane: claim a batch, hand its messages over, record the results."""
