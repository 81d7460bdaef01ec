"""The live board and the query API on the history."""
