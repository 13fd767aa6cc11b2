"""The command line: one thin function a command, heavy imports inside."""
