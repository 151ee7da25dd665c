"""The masking gateway: a reverse proxy that masks tracker traffic before it leaves the house."""

__version__ = "0.1.0"
