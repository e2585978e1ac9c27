"""What Prometheus is told, and who may read it."""
