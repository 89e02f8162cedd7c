"""The parts of the console application, one for each kind of thing that a person does."""
