"""The chat endpoint: any OpenAI-compatible server, with or without native tool calls.

One place sends text off: it redacts credentials unless the endpoint is on loopback, keeps
redirects and tracing services out, and bounds what comes back.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from ssl import SSLContext
from typing import Any, Protocol
from urllib.parse import urlsplit

from engine.agent.gate import Gate, GateShutError
from engine.agent.prompts import Prompts
from engine.agent.shape import Shape
from engine.agent.verdict import json_objects
from engine.redaction import redact
from engine.text import escape

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"

REPLY_CHARACTERS = 32_768
"""A longer reply is broken off."""

NOTHING_STREAMED = "nothing of its answer streams; it must answer with server-sent events, as asked (stream: true)"

STALLED_S = 20.0
"""A call that came to nothing after so long held its incident up: the endpoint is left alone at once."""

REPLY_TOKENS = 1_500
CONNECT_S = 5.0
"""For a connection alone: an address where nothing answers is noticed soon."""

_UNKNOWN_FIELD_STATUS = frozenset({400, 404, 422, 501})
"""What servers answer that do not know the field ``tools`` or ``response_format``."""

CLASSIFY = "classify"
"""Marks the recorded answers of the model that classifies."""

MOST_TOKENS = 1_000_000
"""The most that an endpoint is believed to have counted, for a question and for a reply."""

_CALLS_READ = 16
_ARGUMENT_LEVELS = 2
"""How deep the arguments of a call may be nested; the tools take plain values, and deeper ones would break a stack."""


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

    @property
    def where(self) -> str:
        """Return who is asked, in words: no user, password, path or key of the address."""
        kept = "on this host" if self.is_loopback else "credentials redacted"
        return f"{urlsplit(self.base_url).netloc.rpartition('@')[2]} ({kept})"


def choose(name: str, base_url: str, api_key: str) -> ModelChoice | None:
    """Return the model that the settings of the same names ask for, or None without key and address."""
    if not (base_url or api_key):
        return None
    return ModelChoice(name or DEFAULT_MODEL, base_url or DEFAULT_BASE_URL, api_key)


class Session(Protocol):
    """The endpoint during one investigation."""

    answers: list[str]
    """What was answered, to be given again in a replay."""

    partial: str
    """What had come of the last reply when it was refused or broke off."""

    def why_shut(self) -> str:
        """Return why the endpoint may not be asked now, or an empty text."""
        ...

    def leaving(self, text: str) -> str:
        """Return what of ``text`` leaves the host."""
        ...

    def explain(self, error: Exception) -> str:
        """Return what went wrong, without the key, for a person."""
        ...

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None = None) -> Any:
        """Return the model's ``AIMessage``; raises whatever went wrong."""
        ...


class Chat(Protocol):
    """Where a session can be had: an endpoint, or what one answered before."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def session(self, call_s: float) -> AbstractAsyncContextManager[Session]:
        """Return a context that yields the session of one investigation."""
        ...


def _tls(trust_env: bool) -> SSLContext:
    import httpx2  # noqa: PLC0415 - heavy

    return httpx2.create_ssl_context(trust_env=trust_env)


@cache
def _own_tls() -> SSLContext:
    """Return what every endpoint on this host is checked with: no variable of the environment says otherwise."""
    return _tls(trust_env=False)


class Endpoint:
    """An OpenAI-compatible server; remembers what it does not know."""

    def __init__(self, choice: ModelChoice, prompts: Prompts, gate: Gate | None = None) -> None:
        self.choice = choice
        self.name = choice.name
        self.prompts = prompts
        self.gate = gate or Gate(choice.name)
        self.unknown: set[str] = set()
        """Fields of a request that it refused: ``tools``, ``response_format``."""

    @cached_property
    def tls(self) -> SSLContext:
        """What its connections are checked with; kept, since reading the certificates takes 0.1 s."""
        return _own_tls() if self.choice.is_loopback else _tls(trust_env=True)

    def leaving(self, text: str) -> str:
        """Return what of ``text`` leaves this program: without credentials, unless the endpoint is on loopback."""
        return text if self.choice.is_loopback else redact(text)

    @asynccontextmanager
    async def session(self, call_s: float) -> AsyncIterator[Session]:
        """Yield the endpoint for one investigation, and close its connections after it."""
        from openai import DefaultAsyncHttpxClient, DefaultHttpxClient, Timeout  # noqa: PLC0415 - heavy

        limit = Timeout(call_s, connect=min(call_s, CONNECT_S))
        # Nobody uses the blocking client; the library would make one, and read the certificates for it each time.
        with DefaultHttpxClient(verify=self.tls, trust_env=False) as unused:
            async with DefaultAsyncHttpxClient(
                timeout=limit, verify=self.tls, follow_redirects=False, trust_env=not self.choice.is_loopback
            ) as client:
                yield _OpenSession(self, self._chat(limit, http_client=unused, http_async_client=client))

    def _chat(self, limit: Any, **clients: Any) -> Any:
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - takes a second to import
        from pydantic import SecretStr  # noqa: PLC0415

        choice = self.choice
        return ChatOpenAI(
            model=choice.name,
            base_url=choice.base_url,
            api_key=SecretStr(choice.api_key or "none"),
            timeout=limit,
            max_retries=choice.retries,
            max_completion_tokens=REPLY_TOKENS,
            streaming=choice.stream,
            stream_usage=choice.stream,
            disable_streaming=not choice.stream,
            use_responses_api=False,
            **clients,
        )


class _OpenSession:
    def __init__(self, endpoint: Endpoint, chat: Any) -> None:
        self._endpoint = endpoint
        self._chat = chat
        self.answers: list[str] = []
        self.partial = ""

    def why_shut(self) -> str:
        return self._endpoint.gate.why_shut()

    def leaving(self, text: str) -> str:
        return self._endpoint.leaving(text)

    def explain(self, error: Exception) -> str:
        if isinstance(error, GateShutError):
            return str(error)
        choice = self._endpoint.choice
        text = str(error).replace(choice.api_key, "[key]") if choice.api_key else str(error)
        reason = escape(redact(text), limit=200) or "no answer in time"
        return f"cannot ask {choice.name} at {choice.base_url}: {type(error).__name__}: {reason}"

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None = None) -> Any:
        gate = self._endpoint.gate
        estimate = estimate_tokens("".join(str(message.content) for message in messages) + json.dumps(list(tools)))
        self.partial = ""
        gate.enter()
        began = time.monotonic()
        try:
            reply = await self._ask_plainer(messages, tools, shape)
        except BaseException:  # also a call that its time-out, or the end of the program, cancels
            gate.failed(estimate, stalled=time.monotonic() - began >= STALLED_S)
            raise
        calls = [{"name": call["name"], "args": call["args"]} for call in reply.tool_calls]
        answered = estimate_tokens(reply.text + (json.dumps(calls) if calls else ""))
        used_in, used_out = used = believable(reply.usage_metadata, estimate, answered)
        reply.usage_metadata = {"input_tokens": used_in, "output_tokens": used_out, "total_tokens": used_in + used_out}
        gate.answered(used_in, used_out)
        self.answers.append(json.dumps({"content": reply.text, "calls": calls, "usage": used}, sort_keys=True))
        return reply

    async def _ask_plainer(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None) -> Any:
        """Ask, and once more without the field that the server may not know; remember that where it helped."""
        import openai  # noqa: PLC0415 - heavy

        unknown = self._endpoint.unknown
        field = "tools" if tools else "response_format"
        try:
            return await self._send(messages, tools, shape)
        except openai.APIStatusError as error:
            used = bool(tools or shape) and field not in unknown
            if not used or error.status_code not in _UNKNOWN_FIELD_STATUS:
                raise
        unknown.add(field)
        try:
            return await self._send(messages, tools, shape)
        except BaseException:
            unknown.discard(field)
            raise

    async def _send(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None) -> Any:
        endpoint = self._endpoint
        native = "tools" not in endpoint.unknown
        outgoing = (
            list(messages) if native else flattened(messages, endpoint.prompts.json_tools(tools) if tools else "")
        )
        outgoing = [message.model_copy(update={"content": self.leaving(str(message.content))}) for message in outgoing]
        options: dict[str, Any] = {"tools": list(tools)} if native and tools else {}
        if shape and "response_format" not in endpoint.unknown:
            # Not by its own name: the library would then stream over another way, which parses and raises.
            options["extra_body"] = {"response_format": shape.response_format()}
        return message_of(await self._whole(outgoing, options))

    async def _whole(self, outgoing: list[Any], options: dict[str, Any]) -> Any:
        whole: Any = None
        size = 0
        try:
            async for chunk in self._chat.astream(outgoing, **options):
                whole = chunk if whole is None else whole + chunk
                self.partial = whole.text[:REPLY_CHARACTERS]
                size += len(chunk.text) + sum(
                    len(part.get("args") or "") for part in getattr(chunk, "tool_call_chunks", ())
                )
                if size > REPLY_CHARACTERS:
                    msg = f"the reply is longer than {REPLY_CHARACTERS} characters"
                    raise ValueError(msg)
        except ValueError as error:
            if whole is not None:
                raise
            raise ConnectionError(NOTHING_STREAMED) from error
        if whole is None or not whole.response_metadata.get("finish_reason"):
            msg = "the reply broke off"
            raise ConnectionError(msg)
        return whole


class RecordedAnswers:
    """An endpoint's recorded answers, given again in the same order."""

    def __init__(self, name: str, answers: Sequence[str], role: str = "") -> None:
        self.name = name
        self._all = answers
        self._answers = [answer for answer in answers if json.loads(answer).get("role", "") == role]

    def investigating(self) -> RecordedAnswers | None:
        """Return itself, or None where no endpoint but the classifier was asked."""
        return self if self._answers else None

    def classifying(self) -> RecordedAnswers | None:
        """Return the answers of the model that classified, if one was asked."""
        answers = RecordedAnswers("the classifier", self._all, CLASSIFY)
        return answers if answers._answers else None

    @asynccontextmanager
    async def session(self, call_s: float) -> AsyncIterator[Session]:
        """Yield the recorded answers; ``call_s`` is not needed for them."""
        yield _RecordedSession(self._answers)


class _RecordedSession:
    def __init__(self, recorded: Sequence[str]) -> None:
        self._recorded = list(recorded)
        self.answers: list[str] = []
        self.partial = ""

    def why_shut(self) -> str:
        first = json.loads(self._recorded[0]) if self._recorded else {}
        return str(first["fault"]) if first.get("shut") else ""

    def leaving(self, text: str) -> str:
        return text

    def explain(self, error: Exception) -> str:
        return str(error)

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None = None) -> Any:
        from langchain_core.messages import AIMessage, UsageMetadata  # noqa: PLC0415 - heavy

        recorded = self._recorded.pop(0) if self._recorded else ""
        answer: dict[str, Any] = json.loads(recorded) if recorded else {"fault": "no answer was recorded"}
        self.partial = answer.get("partial", "")
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


def fault_answer(message: str, partial: str = "", *, shut: bool = False) -> str:
    """Return a fault as it is recorded among the answers, with what had come of a reply."""
    told: dict[str, Any] = {"fault": message} | ({"partial": partial} if partial else {})
    return json.dumps(told | ({"shut": True} if shut else {}), sort_keys=True)


def classifying(answer: str) -> str:
    """Return a recorded answer marked as the classifier's."""
    return json.dumps(json.loads(answer) | {"role": CLASSIFY}, sort_keys=True)


def estimate_tokens(text: str) -> int:
    """Return a cautious estimate; English runs at about four characters a token, code at three."""
    return len(text) // 3 + 1


def believable(usage: object, sent: int, answered: int) -> tuple[int, int]:
    """Return the tokens in and out that an endpoint counted, within what can be: a budget does not rest on its word.

    ``sent`` and ``answered`` are the program's own estimates, and the least that counts.
    """
    told = usage if isinstance(usage, Mapping) else {}
    return _at_least(sent, told.get("input_tokens")), _at_least(answered, told.get("output_tokens"))


def _at_least(estimate: int, count: object) -> int:
    return max(estimate, min(count, MOST_TOKENS)) if isinstance(count, int) else estimate


def message_of(reply: Any) -> Any:
    """Return a reply as a plain ``AIMessage``: its text, its tool calls (also malformed ones), its usage."""
    from langchain_core.messages import AIMessage  # noqa: PLC0415 - heavy

    calls = [{"name": call["name"], "args": _shallow(call["args"]), "id": ""} for call in reply.tool_calls]
    calls += [{"name": call["name"] or "unknown", "args": {}, "id": ""} for call in reply.invalid_tool_calls]
    if not calls:
        calls = [{"name": name, "args": _shallow(args), "id": ""} for name, args in calls_in_text(reply.text)]
    text = reply.text or str(reply.additional_kwargs.get("refusal") or "")
    return AIMessage(text, tool_calls=calls, usage_metadata=reply.usage_metadata)


def _shallow(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, none where they are nested deeper than any tool reads."""
    return {} if _is_deeper(arguments, _ARGUMENT_LEVELS) else arguments


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(one, levels - 1) for one in inner)


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
