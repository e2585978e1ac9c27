"""The accounts of those who work here: the first author, roles, second factors. No screen."""
