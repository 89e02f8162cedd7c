"""The built-in tools as a model sees them, and what their arguments may be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Arguments(BaseModel):
    """What every tool's arguments have in common: nothing more than the named fields, strictly typed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FlowArguments(Arguments):
    """Names a flow."""

    flow_id: str = Field(max_length=64, description="id of a flow of this incident")


class PayloadArguments(Arguments):
    """Names one direction of a flow."""

    flow_id: str = Field(max_length=64, description="id of a flow of this incident")
    direction: str = Field(pattern="^to_(server|client)$", description="to_server or to_client")


class ProcessArguments(Arguments):
    """Names a process."""

    pid: int = Field(ge=1, le=4_194_304, description="PID that an earlier answer named")


class AddressArguments(Arguments):
    """Names an address."""

    ip: str = Field(max_length=45, description="address that appears in this incident")


class QueryArguments(Arguments):
    """Holds a question to the knowledge base."""

    query: str = Field(min_length=2, max_length=200, description="technique, software or behaviour")


class NoArguments(Arguments):
    """Holds nothing: the question is about this host."""


@cache
def _schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """Pydantic takes longer to write a schema down than most tools take to answer."""
    return arguments.model_json_schema()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it."""

    name: str
    description: str
    arguments: type[Arguments]

    def schema(self) -> dict[str, Any]:
        """Return the function schema of the chat completions API."""
        parameters = _schema_of(self.arguments)
        properties = parameters.get("properties", {})
        fields = {name: {k: v for k, v in entry.items() if k != "title"} for name, entry in properties.items()}
        shape = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": shape},
        }


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("get_pid_by_connection", "Which process of this host owns the socket of a flow.", FlowArguments),
        Tool(
            "analyze_process_behavior",
            "Program, arguments, parents, user, hash and sockets of a process.",
            ProcessArguments,
        ),
        Tool("process_tree", "The ancestors and children of a process, each with its program.", ProcessArguments),
        Tool("process_sockets", "The open sockets of a process.", ProcessArguments),
        Tool("file_facts", "Owner, mode, times, package and hash of the program a process runs.", ProcessArguments),
        Tool("flow_payload", "The first payload bytes of one direction of a flow, raw and decoded.", PayloadArguments),
        Tool("related_flows", "Other flows with an address, with their rate and volume.", AddressArguments),
        Tool("related_alerts", "Alerts that name an address.", AddressArguments),
        Tool("logins", "Logins and failed logins from an address, from this host's log.", AddressArguments),
        Tool("dns_names", "Names seen for an address, and names it asked for.", AddressArguments),
        Tool("address_facts", "Kind, network and names of an address.", AddressArguments),
        Tool("past_incidents", "Earlier incidents with an address.", AddressArguments),
        Tool("listening_services", "What this host offers to the network, and which process does.", NoArguments),
        Tool("persistence_points", "Cron jobs, units, keys and preloads that changed last.", NoArguments),
        Tool("search_knowledge", "MITRE ATT&CK and the user's documents.", QueryArguments),
    )
}

INVESTIGATOR_TOOLS = tuple(TOOLS)
COMMANDER_TOOLS = ("search_knowledge",)
