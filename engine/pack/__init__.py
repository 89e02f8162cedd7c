"""Evidence packs: one file that holds all there is about an incident, and shows a change of one bit."""

from engine.pack.contents import pack, pack_name
from engine.pack.verifying import Checked, read_pack, verify

__all__ = ["Checked", "pack", "pack_name", "read_pack", "verify"]
