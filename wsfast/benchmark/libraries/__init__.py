"""One library a module: a message through its public API, to be timed plain and enabled."""
