"""A Stripe account as a resource of Bridge."""
