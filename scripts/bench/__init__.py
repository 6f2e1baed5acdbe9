"""What the main flows cost: statements, processor time and latency. `make bench`; docs/benchmarks.md explains it."""
