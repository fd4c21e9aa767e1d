"""What the services know of markets: bars in columns, sessions, instruments, prices, corporate actions."""
