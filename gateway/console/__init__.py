"""What the process shows of itself on an address of its own: `/live`, `/ready`, `/metrics`."""
