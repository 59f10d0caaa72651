"""The file of a recording: one SQLite file, its writer and its reader."""
