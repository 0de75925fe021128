"""Google Sheets as a resource of Bridge."""
