"""The demo library: pieces made for it, who plays in which, and how well they are found."""
