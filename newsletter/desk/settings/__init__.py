"""Settings of the publication, accounts of the team, and one's own account."""
