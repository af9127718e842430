from partwise.cli import run

run()
