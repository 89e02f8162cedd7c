"""What the benchmarks of the console run, and run it on."""
