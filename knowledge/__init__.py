"""What the analyst knows: ATT&CK with what searches it, playbooks, prompts and rules; and how they are made."""
