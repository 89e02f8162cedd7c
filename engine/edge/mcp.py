"""The MCP door: read-only tools, incidents and reports for models elsewhere; a block is only ever asked for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.edge import inert, listener
from engine.edge.access import NAMES, Access
from engine.edge.analysis import Analyses
from engine.edge.bodies import NAME_CHARACTERS, PASSAGES, QUERY_CHARACTERS, AnalysisRequest, Body, UnfitError, problems
from engine.edge.gate import Gate
from engine.edge.limits import Limits
from engine.edge.pipes import Lines, Outlet
from engine.edge.token import Token
from engine.edge.view import BusyError, EngineDoor
from engine.text import escape

log = logging.getLogger(__name__)

PATH = "/mcp"
LIMITS = Limits(body_bytes=1024 * 1024)

CALLS = 16
"""Tool calls and readings at the same time; one more is told to come later."""

LISTED = 50
"""Incidents among the listed resources, newest first; each older one can be read by its id."""

_INCIDENTS = "aegis://incidents"
_UNFIT = {"Parse error": "the body is no JSON", "Validation error": "the body is no message of JSON-RPC 2.0"}
"""How refusals of the SDK begin that go on in the words of its parser, and what is said instead."""
_BROKEN = "this could not be answered: the log of the program says why"
_ASKED = (
    "A person has been asked; nothing is blocked. Target, prefix and term are the program's, and only a person at the"
    " console or the command line can approve."
)


class _Incident(Body):
    incident_id: str = Field(max_length=64, description="id of an incident, such as INC-4f2a01bc")


class _Line(Body):
    line: str = Field(
        min_length=1,
        max_length=QUERY_CHARACTERS,
        description="`time srcip:port dstip:port name content`, or one EVE JSON alert",
    )


class _Query(Body):
    query: str = Field(min_length=2, max_length=2000, description="technique, software or behaviour")
    k: int = Field(default=5, ge=1, le=PASSAGES, description="passages")
    base: str = Field(default="", max_length=NAME_CHARACTERS, description="one collection of documents, or empty")


class _Question(Body):
    question: str = Field(min_length=1, max_length=2000, description="what is asked")
    incident_id: str = Field(default="", max_length=64, description="an incident it is about, or empty")


class _Newest(Body):
    limit: int = Field(default=20, ge=1, le=200, description="how many of the newest")


class Desk:
    """Answers MCP requests with what an engine tells."""

    def __init__(self, engine: EngineDoor, tasks: asyncio.TaskGroup) -> None:
        self._engine = engine
        self._analyses = Analyses(engine, tasks)
        self._gate = Gate(CALLS)
        self._own: dict[str, tuple[str, type[BaseModel], Callable[[Any], Awaitable[dict[str, Any]]]]] = {
            "list_incidents": ("The newest incidents.", _Newest, self._list),
            "show_incident": ("Everything about an incident.", _Incident, self._show),
            "triage_event": ("Classify and investigate an event of another product.", _Line, self._triage),
            "search_knowledge": ("MITRE ATT&CK and the user's documents.", _Query, self._search),
            "ask": ("Answer a question, with sources.", _Question, self._ask),
            "block_malicious_ip": (
                "Ask a person to block the target of an incident. Blocks nothing by itself: a person decides.",
                _Incident,
                self._propose,
            ),
        }

    def server(self) -> Server[Any]:
        """Return an MCP server that asks this desk."""
        return Server(
            "aegis",
            title="Aegis",
            instructions=f"Incidents of one Linux server. {inert.HINT}",
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )

    async def list_tools(self, _: Any, __: PaginatedRequestParams | None) -> ListToolsResult:
        """Return every tool with the schema of its arguments and of its answer."""
        own = [_tool(name, words, kind.model_json_schema()) for name, (words, kind, _) in self._own.items()]
        return ListToolsResult(tools=[*own, *(_of_analyst(tool) for tool in self._analysts().values())])

    def _analysts(self) -> dict[str, Mapping[str, Any]]:
        """Return the analyst's own tools; where this desk has one of the same name, its own counts."""
        return {tool["name"]: tool for tool in self._engine.tools() if tool["name"] not in self._own}

    async def call_tool(self, _: Any, params: CallToolRequestParams) -> CallToolResult:
        """Return what a tool answers; whatever is wrong with a call is an answer too."""
        try:
            with self._gate:
                told = await self._call(params.name, params.arguments or {})
        except ValidationError as error:
            return _refusal("; ".join(f"{one['field']}: {one['problem']}" for one in problems(error)))
        except (UnfitError, BusyError, PermissionError) as error:
            return _refusal(escape(str(error), limit=400))
        except Exception as error:  # the door's boundary: one call must not close it
            if type(error) is LookupError:
                return _refusal("there is no such incident, tool or collection")
            log.exception("answering a tool call")
            return _refusal(_BROKEN)
        text = TextContent(type="text", text=json.dumps(told, ensure_ascii=True))
        return CallToolResult(content=[text], structured_content=told)

    async def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name in self._own:
            _, kind, tell = self._own[name]
            return await tell(kind.model_validate(arguments))
        if name not in self._analysts():
            raise LookupError
        about = _Incident.model_validate({"incident_id": arguments.get("incident_id")})
        rest = {key: value for key, value in arguments.items() if key != "incident_id"}
        told = await self._engine.use_tool(about.incident_id, name, rest)
        return {"tool": name, "result": str(told.result), "text": escape(told.text, keep_newlines=True)}

    async def _list(self, asked: _Newest) -> dict[str, Any]:
        return {"incidents": [inert.incident_row(one) for one in await self._engine.incidents(asked.limit)]}

    async def _show(self, asked: _Incident) -> dict[str, Any]:
        return inert.incident_facts(await self._engine.incident(asked.incident_id))

    async def _triage(self, asked: _Line) -> dict[str, Any]:
        job = self._analyses.begin(AnalysisRequest(query=asked.line))
        return inert.incident_facts((await asyncio.shield(job.result)).view)

    async def _search(self, asked: _Query) -> dict[str, Any]:
        return {"passages": inert.passages(await self._engine.search(asked.query, asked.k, asked.base))}

    async def _ask(self, asked: _Question) -> dict[str, Any]:
        return inert.sourced(await self._engine.ask(asked.question, asked.incident_id))

    async def _propose(self, asked: _Incident) -> dict[str, Any]:
        return {**inert.proposal_row(await self._engine.propose_block(asked.incident_id)), "note": _ASKED}

    async def list_resources(self, _: Any, __: PaginatedRequestParams | None) -> ListResourcesResult:
        """Return the list of incidents, the newest of them, and their reports."""
        listed = [_resource(_INCIDENTS, "incidents", "Every stored incident, newest first", "application/json")]
        for incident in await self._engine.incidents(LISTED):
            about = f"{incident.severity}, {incident.target_ip}"
            uri = f"{_INCIDENTS}/{incident.id}"
            listed.append(_resource(uri, incident.id, about, "application/json"))
            listed.append(_resource(f"{uri}/report", f"{incident.id} report", about, "text/markdown"))
        return ListResourcesResult(resources=listed)

    async def list_templates(self, _: Any, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        """Return the addresses of an incident and of its report."""
        one = f"{_INCIDENTS}/{{id}}"
        incident = ResourceTemplate(name="incident", uri_template=one, mime_type="application/json")
        report = ResourceTemplate(name="report", uri_template=f"{one}/report", mime_type="text/markdown")
        return ListResourceTemplatesResult(resource_templates=[incident, report])

    async def read_resource(self, _: Any, params: ReadResourceRequestParams) -> ReadResourceResult:
        """Return what stands at an address."""
        try:
            with self._gate:
                text, kind = await self._read(params.uri)
        except BusyError as error:
            raise MCPError(INTERNAL_ERROR, f"{error}: come later") from None
        except Exception as error:  # the door's boundary: one reading must not close it
            if type(error) is LookupError or isinstance(error, ValidationError):
                raise MCPError(INVALID_PARAMS, "there is no such resource") from None
            log.exception("reading a resource")
            raise MCPError(INTERNAL_ERROR, _BROKEN) from None
        return ReadResourceResult(contents=[TextResourceContents(uri=params.uri, mime_type=kind, text=text)])

    async def _read(self, uri: str) -> tuple[str, str]:
        if uri == _INCIDENTS:
            return json.dumps(await self._list(_Newest(limit=200))), "application/json"
        head, _, rest = uri.partition(f"{_INCIDENTS}/")
        incident_id, _, what = rest.partition("/")
        if head or what not in ("", "report") or (rest.endswith("/")):
            raise LookupError
        if what == "report":
            text = await self._engine.report(incident_id, "md", "en")
            return inert.Fence().text(text, "report", inert.REPORT_CHARACTERS), "text/markdown"
        return json.dumps(await self._show(_Incident(incident_id=incident_id))), "application/json"


def _tool(name: str, words: str, arguments: dict[str, Any], answer: dict[str, Any] | None = None) -> Tool:
    changes_nothing = name not in ("block_malicious_ip", "triage_event")
    hints = ToolAnnotations(read_only_hint=changes_nothing, destructive_hint=False, open_world_hint=False)
    shape = {key: value for key, value in arguments.items() if key != "title"}
    return Tool(
        name=name,
        description=f"{words} {inert.HINT}",
        input_schema=shape,
        output_schema=answer or {"type": "object"},
        annotations=hints,
    )


def _of_analyst(tool: Mapping[str, Any]) -> Tool:
    """Return a tool of the analyst, which outside an investigation has to be told the incident."""
    about = _Incident.model_json_schema()["properties"]["incident_id"]
    parameters = tool["parameters"]
    arguments = {
        **parameters,
        "properties": {"incident_id": about, **parameters.get("properties", {})},
        "required": ["incident_id", *parameters.get("required", [])],
    }
    fields = {field: {"type": "string"} for field in ("tool", "result", "text")}
    answer = {"type": "object", "properties": fields, "required": list(fields)}
    return _tool(tool["name"], tool["description"], arguments, answer)


def _resource(uri: str, name: str, words: str, kind: str) -> Resource:
    return Resource(uri=uri, name=name, description=words, mime_type=kind)


def _refusal(reason: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=reason)], is_error=True)


def application(desk: Desk, port: int) -> ASGIApp:
    """Return a desk as an application: every request stands for itself, so no session is left behind."""
    hosts = [f"{name}:{port}" for name in NAMES]
    return _posted(
        desk.server().streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=LIMITS.body_bytes,
            transport_security=TransportSecuritySettings(
                allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
            ),
        )
    )


def _posted(app: ASGIApp) -> ASGIApp:
    """Hand on what is posted: a stream that a client opens would hear nothing without a session, and never end."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "POST":
            refused = JSONResponse({"error": "only POST is answered here"}, 405, {"allow": "POST"})
            await refused(scope, receive, send)
            return
        await app(scope, receive, _in_own_words(send))

    return serve


def _in_own_words(send: Send) -> Send:
    """Hold what begins a refusal until its text is here, which may be put in other words."""
    held: list[Message] = []

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 400:
            held.append(message)
            return
        if held:
            start, body = held.pop(), _refused(message.get("body", b""))
            headers = [one for one in start["headers"] if one[0].lower() != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
            message = {**message, "body": body}
        await send(message)

    return told


def _refused(body: bytes) -> bytes:
    """Return a refusal without the text of the SDK's parser, which repeats what was sent and names its maker."""
    try:
        told = json.loads(body)
        words = next((words for head, words in _UNFIT.items() if told["error"]["message"].startswith(head)), None)
    except (ValueError, LookupError, TypeError, AttributeError):
        return body
    if words is None:
        return body
    return json.dumps({**told, "error": {"code": told["error"]["code"], "message": words}}).encode()


class McpDoor:
    """Serves MCP over streamable HTTP on the loopback address."""

    name = "mcp"

    def __init__(
        self, port: int, token_file: Path, on_open: Callable[[str], None] | None = None, limits: Limits = LIMITS
    ) -> None:
        """Take what is told the address once the door is open; port 0 is any that is free."""
        self._port = port
        self._token_file = token_file
        self._on_open = on_open
        self._limits = limits

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the port is taken, or the token's file cannot be trusted.
        """
        logging.getLogger("mcp").setLevel(logging.WARNING)
        token = Token(self._token_file)
        with listener.bound(self._port) as listening:
            port = listening.getsockname()[1]
            async with asyncio.TaskGroup() as tasks:
                app = application(Desk(engine, tasks), port)
                access = Access(app, port, token, self._limits)
                await listener.serve(access, listening, self._limits, partial(self._opened, port))

    def _opened(self, port: int) -> None:
        if self._on_open is not None:
            self._on_open(f"http://{listener.ADDRESS}:{port}{PATH}")


class StdioDoor:
    """Serves MCP over two pipes, for a client that started this program."""

    name = "mcp"

    def __init__(self, lines: Lines, outlet: Outlet, on_close: Callable[[], object]) -> None:
        """Take what to do when the client is gone."""
        self._lines = lines
        self._outlet = outlet
        self._on_close = on_close

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until the client closes its end, or until cancelled."""
        logging.getLogger("mcp").setLevel(logging.WARNING)
        await run_stdio(engine, self._lines, self._outlet)
        self._on_close()


async def run_stdio(engine: EngineDoor, lines: Lines, outlet: Outlet) -> None:
    """Serve MCP over two pipes until the client closes its end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            server = Desk(engine, tasks).server()
            async with stdio_server(cast(Any, lines), cast(Any, outlet)) as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())
    finally:
        outlet.close()
