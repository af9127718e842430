"""Training on a machine with a GPU and no network: pack here, run there, bring weights back.

docs/training-on-an-accelerator.md says how. Here: pack.sh, rehearse.sh; there: run.sh.
"""
