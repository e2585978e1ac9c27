"""What is said in a mail or a request: octets in, frozen facts out. Pure: no database, no clock, and no trust."""
