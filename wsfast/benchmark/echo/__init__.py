"""Echo over loopback: a server in a process of its own, plain and enabled, and one fixed client."""
