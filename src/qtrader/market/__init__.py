"""What the services know about markets: columns of bars, sessions, instruments, prices and corporate actions."""
