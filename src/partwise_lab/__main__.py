from partwise_lab.cli import run

run()
