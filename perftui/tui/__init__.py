"""The Textual app: draws snapshots, decides nothing."""
