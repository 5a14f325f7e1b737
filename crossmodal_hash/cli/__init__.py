"""The command line: one file per command, each with options, one library call and one output call."""
