"""Accounts of the team: the first owner, roles, second factors. Without screens."""
