"""The chat endpoint: any OpenAI-compatible server, with or without native tool calls.

One place sends text off: it redacts credentials unless the endpoint is on loopback, keeps
redirects and tracing services out, and bounds what comes back.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from engine.agent.prompts import Prompts
from engine.agent.verdict import json_objects
from engine.redaction import redact
from engine.text import escape

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"

REPLY_CHARACTERS = 32_768
"""A longer reply is broken off."""

REPLY_TOKENS = 1_500
_NO_TOOLS_STATUS = frozenset({400, 404, 422, 501})
"""What servers answer that do not know the ``tools`` field."""

_CALLS_READ = 16


class RecordedFaultError(RuntimeError):
    """A fault of the endpoint, given again in a replay."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to ask, and where."""

    name: str
    base_url: str = DEFAULT_BASE_URL
    api_key: str = field(default="", repr=False)
    stream: bool = True
    retries: int = 1
    """Of one request that met 429 or 5xx, with the wait the server asks for."""

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this host."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def choose(name: str, base_url: str, api_key: str) -> ModelChoice | None:
    """Return the model that the settings of the same names ask for, or None without key and address."""
    if not (base_url or api_key):
        return None
    return ModelChoice(name or DEFAULT_MODEL, base_url or DEFAULT_BASE_URL, api_key)


class Session(Protocol):
    """The endpoint during one investigation."""

    answers: list[str]
    """What was answered, to be given again in a replay."""

    def leaving(self, text: str) -> str:
        """Return what of ``text`` leaves the host."""
        ...

    def explain(self, error: Exception) -> str:
        """Return what went wrong, without the key, for a person."""
        ...

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]]) -> Any:
        """Return the model's ``AIMessage``; raises whatever went wrong."""
        ...


class Endpoint:
    """An OpenAI-compatible server; remembers whether it knows tool calls."""

    def __init__(self, choice: ModelChoice, prompts: Prompts) -> None:
        self.choice = choice
        self.name = choice.name
        self.prompts = prompts
        self.native_tools = True

    @asynccontextmanager
    async def session(self, call_s: float) -> AsyncIterator[Session]:
        """Yield the endpoint for one investigation, and close its connections after it."""
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - takes a second to import
        from openai import DefaultAsyncHttpxClient  # noqa: PLC0415
        from pydantic import SecretStr  # noqa: PLC0415

        choice = self.choice
        async with DefaultAsyncHttpxClient(
            timeout=call_s, follow_redirects=False, trust_env=not choice.is_loopback
        ) as client:
            chat = ChatOpenAI(
                model=choice.name,
                base_url=choice.base_url,
                api_key=SecretStr(choice.api_key or "none"),
                timeout=call_s,
                max_retries=choice.retries,
                max_completion_tokens=REPLY_TOKENS,
                streaming=choice.stream,
                stream_usage=choice.stream,
                disable_streaming=not choice.stream,
                use_responses_api=False,
                http_async_client=client,
            )
            yield _OpenSession(self, chat)


class _OpenSession:
    def __init__(self, endpoint: Endpoint, chat: Any) -> None:
        self._endpoint = endpoint
        self._chat = chat
        self.answers: list[str] = []

    def leaving(self, text: str) -> str:
        return text if self._endpoint.choice.is_loopback else redact(text)

    def explain(self, error: Exception) -> str:
        choice = self._endpoint.choice
        text = str(error).replace(choice.api_key, "[key]") if choice.api_key else str(error)
        reason = escape(redact(text), limit=200) or "no answer in time"
        return f"cannot ask {choice.name} at {choice.base_url}: {type(error).__name__}: {reason}"

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]]) -> Any:
        import openai  # noqa: PLC0415 - heavy

        try:
            reply = await self._send(messages, tools)
        except openai.APIStatusError as error:
            if not (tools and self._endpoint.native_tools and error.status_code in _NO_TOOLS_STATUS):
                raise
            self._endpoint.native_tools = False
            reply = await self._send(messages, tools)
        calls = [{"name": call["name"], "args": call["args"]} for call in reply.tool_calls]
        usage = reply.usage_metadata or {}
        used = [usage.get("input_tokens", 0), usage.get("output_tokens", 0)]
        self.answers.append(json.dumps({"content": reply.text, "calls": calls, "usage": used}, sort_keys=True))
        return reply

    async def _send(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]]) -> Any:
        native = self._endpoint.native_tools
        outgoing = (
            list(messages) if native else flattened(messages, self._endpoint.prompts.json_tools(tools) if tools else "")
        )
        outgoing = [message.model_copy(update={"content": self.leaving(str(message.content))}) for message in outgoing]
        options = {"tools": list(tools)} if native and tools else {}
        whole: Any = None
        size = 0
        async for chunk in self._chat.astream(outgoing, **options):
            whole = chunk if whole is None else whole + chunk
            size += len(chunk.text) + sum(
                len(part.get("args") or "") for part in getattr(chunk, "tool_call_chunks", ())
            )
            if size > REPLY_CHARACTERS:
                msg = f"the reply is longer than {REPLY_CHARACTERS} characters"
                raise ValueError(msg)
        if whole is None or not whole.response_metadata.get("finish_reason"):
            msg = "the reply broke off"
            raise ConnectionError(msg)
        return message_of(whole)


class RecordedAnswers:
    """An endpoint's recorded answers, given again in the same order."""

    def __init__(self, name: str, answers: Sequence[str]) -> None:
        self.name = name
        self._answers = answers

    @asynccontextmanager
    async def session(self, call_s: float) -> AsyncIterator[Session]:
        """Yield the recorded answers; ``call_s`` is not needed for them."""
        yield _RecordedSession(self._answers)


class _RecordedSession:
    def __init__(self, recorded: Sequence[str]) -> None:
        self._recorded = iter(recorded)
        self.answers: list[str] = []

    def leaving(self, text: str) -> str:
        return text

    def explain(self, error: Exception) -> str:
        return str(error)

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]]) -> Any:
        from langchain_core.messages import AIMessage, UsageMetadata  # noqa: PLC0415 - heavy

        recorded = next(self._recorded, "")
        answer: dict[str, Any] = json.loads(recorded) if recorded else {"fault": "no answer was recorded"}
        if "fault" in answer:
            raise RecordedFaultError(answer["fault"])
        self.answers.append(recorded)
        used_in, used_out = answer["usage"]
        calls = [{**call, "id": ""} for call in answer["calls"]]
        return AIMessage(
            answer["content"],
            tool_calls=calls,
            usage_metadata=UsageMetadata(input_tokens=used_in, output_tokens=used_out, total_tokens=used_in + used_out),
        )


def message_of(reply: Any) -> Any:
    """Return a reply as a plain ``AIMessage``: its text, its tool calls (also malformed ones), its usage."""
    from langchain_core.messages import AIMessage  # noqa: PLC0415 - heavy

    calls = [{"name": call["name"], "args": call["args"], "id": ""} for call in reply.tool_calls]
    calls += [{"name": call["name"] or "unknown", "args": {}, "id": ""} for call in reply.invalid_tool_calls]
    if not calls:
        calls = [{"name": name, "args": args, "id": ""} for name, args in calls_in_text(reply.text)]
    return AIMessage(reply.text, tool_calls=calls, usage_metadata=reply.usage_metadata)


def calls_in_text(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the tool calls that a model wrote as JSON text."""
    return [
        (found["tool"], arguments)
        for found in list(json_objects(text))[:_CALLS_READ]
        if isinstance(found.get("tool"), str) and isinstance(arguments := found.get("arguments", {}), dict)
    ]


def flattened(messages: Sequence[Any], instructions: str) -> list[Any]:
    """Return the transcript for a server without tool messages: plain turns, alternating."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage  # noqa: PLC0415 - heavy

    turns: list[Any] = []
    for message in messages:
        text = str(message.content)
        if isinstance(message, SystemMessage):
            turns.append(SystemMessage(f"{text}\n\n{instructions}".strip()))
            continue
        if isinstance(message, ToolMessage):
            text = f"Answer of {message.name}:\n{text}"
        if isinstance(message, AIMessage):
            lines = [json.dumps({"tool": call["name"], "arguments": call["args"]}) for call in message.tool_calls]
            text = "\n".join(lines) or text
        kind = AIMessage if isinstance(message, AIMessage) else HumanMessage
        if turns and isinstance(turns[-1], kind):
            turns[-1] = kind(f"{turns[-1].content}\n\n{text}")
        else:
            turns.append(kind(text))
    return turns
