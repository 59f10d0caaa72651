"""The shop that the lab's service runs: catalogue, carts, orders and reviews."""
