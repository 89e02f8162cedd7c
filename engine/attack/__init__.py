"""MITRE ATT&CK, searched by words and by meaning, in English and Chinese."""
