"""Reports about deliveries after hand-over (bounces, complaints, replies), and their consequences (docs/sending.md)."""
