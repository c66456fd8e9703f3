"""The self-hosted server. Internal but for what this module exports."""

from trialog.server.app import create_app
from trialog.server.errors import StartError
from trialog.server.serve import serve
from trialog.server.settings import DEFAULT_PORT, ServerAddress, ServerSettings

__all__ = ["DEFAULT_PORT", "ServerAddress", "ServerSettings", "StartError", "create_app", "serve"]
