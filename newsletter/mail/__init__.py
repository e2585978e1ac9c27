"""How one e-mail is built and handed over. No model; imports nothing else of ours."""
