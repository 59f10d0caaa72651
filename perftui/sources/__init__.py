"""The outside world as plain data: each source fills the timeline from a thread of its own."""
