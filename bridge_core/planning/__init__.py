"""How an operation is planned, and how a plan is run."""
