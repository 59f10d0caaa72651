"""Plain data and pure functions: stacks, series, the timeline, findings, the snapshot. No I/O."""
