"""What an issue has brought, beside those before it: `facts.of` asks, `wording` says it in words and as JSON."""
