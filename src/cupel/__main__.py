"""`python -m cupel` is the command `cupel`."""

from cupel.cli import main

if __name__ == "__main__":
    main()
