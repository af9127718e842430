"""Where vectors lie: one protocol, and the stores that keep it."""
