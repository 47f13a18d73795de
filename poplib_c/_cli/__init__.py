"""The commands of poplib-c. poplib_c.__main__ calls main.main()."""
