"""`python -m execbot`: the same as the `execbot` command."""

from execbot.cli.start import run

if __name__ == "__main__":
    run()
