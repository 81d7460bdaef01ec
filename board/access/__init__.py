"""Who may come in: hosts and origins, access tokens, sessions, failed attempts, signing in and out."""
