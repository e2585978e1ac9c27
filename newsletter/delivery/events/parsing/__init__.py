"""Parsers of inbound mails and provider requests: bytes in, ParsedMessage out. Pure; verifies nothing."""
