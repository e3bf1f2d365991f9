"""`python -m kizuna` is `kizuna`."""

from kizuna.cli.main import main

if __name__ == "__main__":
    main()
