"""A plugin with a bug that shows as soon as it is imported."""

city = 1 / 0
