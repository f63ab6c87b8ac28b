"""One use case a file: what a user does, from top to bottom."""
