"""What is recorded of each copy while a mailing goes out, and how it is completed after a crash."""
