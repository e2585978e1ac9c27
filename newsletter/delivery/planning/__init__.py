"""From the author's click (`approving`) to a fixed audience, cut into batches when its time has come (`beginning`)."""
