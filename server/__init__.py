"""The self-hosted server. Internal but for what this module exports."""
