"""What several test suites share: real servers to test against."""
