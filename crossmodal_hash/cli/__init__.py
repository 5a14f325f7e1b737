"""The command line: one file a command, each with options, one library call and one output call."""
