"""What the board reads of the history: read-only SQL, and what is kept of it in memory; nothing is computed anew."""
