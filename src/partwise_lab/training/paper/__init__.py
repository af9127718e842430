"""The recipe `paper`: arXiv 2404.06682 as far as it is known, the rival that ours must beat."""
