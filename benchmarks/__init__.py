"""Plain scripts, each of which measures one thing: ``make bench`` runs them all."""
