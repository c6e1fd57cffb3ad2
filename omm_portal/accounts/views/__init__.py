"""Pages of accounts: signing in and out, the own account, users, sessions."""
