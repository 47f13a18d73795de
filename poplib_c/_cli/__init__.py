"""The commands fetch, check and list of the command line; poplib_c.__main__ calls main()."""

from poplib_c._cli.main import main as main
