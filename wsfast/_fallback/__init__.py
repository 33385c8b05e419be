"""The pure-Python twin of the codec, for PyPy and wherever there is no compiled one."""
