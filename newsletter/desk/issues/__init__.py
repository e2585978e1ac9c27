"""The screens of an issue and its mailings."""
