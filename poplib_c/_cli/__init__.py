"""The commands fetch, check and list of the command line. poplib_c.__main__ calls main.main()."""
