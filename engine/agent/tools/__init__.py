"""The analyst's tools: read-only, and only about what the incident already names.

A model chooses flow ids, addresses, PIDs and a query; whatever is not in the incident or in an
earlier answer is refused with a text it can read. There is no tool for a file, an address
elsewhere, or a command.
"""

from engine.agent.tools.answer import Answer, Result
from engine.agent.tools.catalogue import COMMANDER_TOOLS, INVESTIGATOR_TOOLS, TOOLS, Tool
from engine.agent.tools.toolbox import Toolbox
from engine.agent.tools.user import UserTool

__all__ = ["COMMANDER_TOOLS", "INVESTIGATOR_TOOLS", "TOOLS", "Answer", "Result", "Tool", "Toolbox", "UserTool"]
