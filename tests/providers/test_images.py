"""Images on each wire: what is sent, what the official clients send, and who refuses them."""

import asyncio
import base64
import io
from dataclasses import replace
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from llmock.pytest_plugin import LLMock
from PIL import Image as Pictures

from chat.providers.anthropic import Anthropic
from chat.providers.domain import Done, Image, Prompt, Provider, Turn
from chat.providers.gemini import Gemini
from chat.providers.http import Limits
from chat.providers.openai import OpenAI
from tests.providers.spoken import asked, said, started, stopped
from tests.providers.wire import END, FAST, Upstream, failed, frame, prompt, told

QUESTION = "What is this?"


def picture() -> Image:
    written = io.BytesIO()
    Pictures.new("RGB", (8, 8), "teal").save(written, "PNG")
    return Image("image/png", written.getvalue())


def seen(text: str = QUESTION, *images: Image) -> Prompt:
    return replace(asked(), turns=(Turn("user", text, images or (picture(),)),))


def last_body(llmock: LLMock) -> dict[str, Any]:
    body = llmock.requests[-1].body
    assert isinstance(body, dict)
    return body


async def test_the_openai_wire_carries_an_image_as_the_official_client_does(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    ours = OpenAI("openai", "OpenAI", llmock.base_url(), "key-for-tests", http)
    assert (await told(ours, seen()))[-1] == Done("stop")
    sent = last_body(llmock)["messages"]

    url = f"data:image/png;base64,{base64.b64encode(picture().data).decode()}"
    async with openai.AsyncOpenAI() as client:
        await client.chat.completions.create(
            model="m1",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": url}},
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ],
        )
    assert sent == last_body(llmock)["messages"]


async def test_the_messages_wire_carries_an_image_as_the_official_client_does(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    ours = Anthropic("a", "A", llmock.base_url("anthropic"), "key-for-tests", http)
    assert (await told(ours, seen()))[-1] == Done("stop")
    sent = last_body(llmock)["messages"]

    data = base64.b64encode(picture().data).decode()
    async with anthropic.AsyncAnthropic() as client:
        await client.messages.create(
            model="m1",
            max_tokens=99,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": data},
                        },
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ],
        )
    assert sent == last_body(llmock)["messages"]


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
async def test_geminis_wire_carries_an_image_as_the_official_client_does(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    ours = Gemini("g", "G", llmock.base_url("gemini"), "key-for-tests", http)
    assert (await told(ours, seen()))[-1] == Done("stop")
    (sent,) = last_body(llmock)["contents"]

    url = llmock.base_url("gemini").removesuffix("/v1beta")
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    async with genai.Client(api_key="key-1", http_options=options).aio as client:
        image = types.Part.from_bytes(data=picture().data, mime_type="image/png")
        question = types.Part.from_text(text=QUESTION)
        contents = types.Content(role="user", parts=[image, question])
        await client.models.generate_content(model="m1", contents=contents)
    (theirs,) = last_body(llmock)["contents"]
    inside = theirs["parts"][0]["inlineData"]
    inside["mimeType"] = inside.pop("mime_type")  # the service takes both; its pages say ours
    assert sent == theirs


def wires(url: str, http: aiohttp.ClientSession) -> list[Provider]:
    return [
        OpenAI("o", "O", url, "", http, limits=FAST),
        Anthropic("a", "A", url, "", http, limits=FAST),
        Gemini("g", "G", url, "", http, limits=FAST),
    ]


async def test_only_turns_with_images_are_written_in_parts(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    """What a provider has cached of a conversation stays as it was when an image is added."""
    turns = (Turn("user", "One"), Turn("assistant", "Two"), *seen().turns)
    openai_, anthropic_, _ = wires(upstream.url, http)
    upstream.answer(frame({"content": "A"}), END)
    upstream.answer(started(), said("A"), stopped(), b'event: x\ndata: {"type":"message_stop"}\n\n')
    for each in (openai_, anthropic_):
        await told(each, replace(asked(), turns=turns))

    for body in upstream.bodies:
        contents = [message["content"] for message in body["messages"]]
        assert contents[:2] == ["One", "Two"]
        assert [part["type"] for part in contents[2]][1:] == ["text"]


async def test_an_image_needs_no_words_and_words_no_image(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    shown = replace(asked(), turns=(*seen("").turns, Turn("user", " "), Turn("user", "Well?")))
    for each in wires(upstream.url, http):
        upstream.answer(status=400)
        await failed(each, shown)

    plain, claude, gemini = upstream.bodies
    assert [part["type"] for part in plain["messages"][0]["content"]] == ["image_url"]
    assert [part["type"] for part in claude["messages"][0]["content"]] == ["image"]
    assert [message["content"] for message in claude["messages"][1:]] == ["Well?"]
    assert [list(part) for part in gemini["contents"][0]["parts"]] == [["inlineData"]]


async def test_system_text_moves_in_front_of_the_words_beside_an_image(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(b'{"error":{"message":"System role not supported"}}', status=400)
    upstream.answer(frame({"content": "A"}), END)
    await told(wires(upstream.url, http)[0], replace(seen(), system="Be kind."))

    (message,) = upstream.bodies[1]["messages"]
    image, text = message["content"]
    assert image["type"] == "image_url"
    assert text == {"type": "text", "text": f"Be kind.\n\n{QUESTION}"}


async def test_megabytes_of_images_arrive_whole_and_keep_nobody_waiting(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    """The loop turns while they are written: more often than it would between their requests."""
    images = tuple(Image("image/jpeg", bytes([each]) * 2_000_000) for each in range(2))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while not upstream.asked.is_set():
            turns += 1
            await asyncio.sleep(0)

    for each, answer in zip(
        wires(upstream.url, http), ([frame({"content": "A"}), END], [], []), strict=True
    ):
        upstream.asked.clear()
        beside, turns = asyncio.create_task(turn()), 0
        upstream.answer(*answer, status=200 if answer else 400)
        if answer:
            await told(each, seen(QUESTION, *images))
        else:
            await failed(each, seen(QUESTION, *images))
        await beside
        assert turns > 20

    parts = upstream.bodies[0]["messages"][0]["content"]
    data = [part["image_url"]["url"].partition(",")[2] for part in parts[:2]]
    assert [base64.b64decode(each) for each in data] == [image.data for image in images]


@pytest.mark.parametrize(
    "words",
    [
        "image input is not supported - hint: if this is unexpected, you may need the mmproj",
        "Invalid content type. image_url is only supported by certain models.",
        "No endpoints found that support image input",
        "Failed to deserialize the JSON: messages[0]: unknown variant `image_url`, expected `text`",
        "Image input modality is not enabled for models/gemma-3-1b-it",
        "m1 is not a multimodal model",
        "At most 0 image(s) may be provided in one request.",
        "this model is missing data required for image input",
        "messages[0].content must be a string",
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_who_takes_no_images_says_so_once(
    upstream: Upstream, http: aiohttp.ClientSession, status: int, words: str
) -> None:
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(backoff=0.01))
    upstream.answer(f'{{"error":{{"message":"{words}"}}}}'.encode(), status=status)

    assert (await failed(provider, replace(prompt(), turns=seen().turns)))[1].kind == "unsupported"
    assert len(upstream.bodies) == 1
