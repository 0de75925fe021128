"""What an adapter author tests with."""
