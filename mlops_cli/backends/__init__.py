"""One file for each outside tool: its exceptions and its types end here."""
