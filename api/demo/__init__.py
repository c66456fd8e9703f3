"""The demo: a small network trained on real data, as a user's script would do it."""
