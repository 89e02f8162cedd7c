"""What speaks for and against an incident: one file a family of considerations, one table of weights.

A consideration is found by a pure function of the scene and named; ``weights.py`` says what it weighs
and how it is told. What could not be found out is no consideration: absence is not guilt.
"""
