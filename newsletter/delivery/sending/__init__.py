"""A worker's lane: claims a batch, hands its messages over, records the results."""
