"""A small composer for the demo library: players, pieces, and how they are played and mixed.

Everything it makes is drawn from seeds. `harmony` and `score` are the musical ground, `drummers`,
`bassists`, `pianists`, `guitarists` and `others` hold one player each per class, `plan` decides who
meets whom in which piece, `sound` turns notes into stems and `mix` turns stems into a recording.
"""
