"""One file for each group of commands: parse, call one service, return an Answer."""
