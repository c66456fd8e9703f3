"""The HTTP form of what the server does; each handler takes a :class:`~trialog.server.parts.Call`."""
