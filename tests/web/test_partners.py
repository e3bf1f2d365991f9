"""Two real nodes over mutual TLS, and everyone who must not get in."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Self

import aiohttp
import pytest

from kizuna.kernel import keys
from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.node.held.facts import Partner
from kizuna.web import tls
from kizuna.web.partners import MEDIA_TYPE, PATH, PartnerClient, PartnerListener, Traffic
from kizuna.web.tls import TlsFiles
from tests.web.harness import make_keys, make_tls, note, partnership, secret, until

HEADERS = {"Content-Type": MEDIA_TYPE}


class Echo:
    """Answers each request with who was taken to have sent it; keeps what came back."""

    def __init__(self) -> None:
        self.served: list[tuple[str, bytes]] = []
        self.outcomes: list[tuple[str, bytes | None]] = []
        self.held: list[Future[bytes]] = []
        self.hold = False

    def message(self, node: str, data: bytes) -> Future[bytes]:
        self.served.append((node, data))
        reply: Future[bytes] = Future()
        if self.hold:
            self.held.append(reply)
        else:
            reply.set_result(node.encode() + b":" + data)
        return reply

    def answered(self, node: str, data: bytes) -> None:
        self.outcomes.append((node, data))

    def unreachable(self, node: str) -> None:
        self.outcomes.append((node, None))


def partner(folder: Path, name: str, address: str = "") -> tuple[TlsFiles, Partner]:
    """Return a partner's TLS files and what its enrolment pins."""
    made = make_keys(folder, name)
    card, keyset = keys.read_card(made.card(address))
    return made.files, Partner(name, keyset.party, card.root_bytes, keyset, {}, card.address, card.certificate_pem)


class Gate:
    """A listener for the partners `aus/one` and `bgd/two`, and TLS files of theirs and of strangers."""

    def __init__(self, folder: Path, traffic: Traffic | None = None) -> None:
        self.folder = folder
        self.own, self.own_partner = partner(folder, "own/node")
        self.a_files, self.a = partner(folder, "aus/one")
        self.b_files, self.b = partner(folder, "bgd/two")
        self.enrolled = [self.a, self.b]
        self.echo = Echo()
        self.listener = PartnerListener(self.echo, self.own, lambda: self.enrolled, "127.0.0.1", 0, traffic)

    async def __aenter__(self) -> Self:
        await self.listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.listener.close(0.1)

    def context(self, files: TlsFiles | None) -> ssl.SSLContext:
        if files is not None:
            return tls.client_context(files, tls.pins_of([self.own_partner])[0])
        context = tls.client_context(self.own, tls.pins_of([self.own_partner])[0])
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bare.check_hostname = False
        bare.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(self.own.certificate.read_text()))
        assert bare.verify_mode == context.verify_mode
        return bare

    async def raw(self, files: TlsFiles | None, data: bytes, wait_s: float = 30.0) -> bytes:
        """Send raw bytes and return all that comes back until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port, ssl=self.context(files))
        try:
            writer.write(data)
            return await asyncio.wait_for(reader.read(-1), wait_s)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def post(self, files: TlsFiles, data: bytes, **kwargs: object) -> tuple[int, bytes, dict[str, str]]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.context(files))) as session,
            session.post(
                f"https://127.0.0.1:{self.listener.port}{PATH}",
                data=data,
                **({"headers": HEADERS} | kwargs),  # type: ignore[arg-type] # tests name what they change
            ) as response,
        ):
            return response.status, await response.read(), {k.lower(): v for k, v in response.headers.items()}


def request(
    body: bytes, *, head: str = f"POST {PATH} HTTP/1.1", length: str | None = None, kind: str = MEDIA_TYPE
) -> bytes:
    said = length if length is not None else f"Content-Length: {len(body)}"
    return f"{head}\r\nHost: x\r\nContent-Type: {kind}\r\nConnection: close\r\n{said}\r\n\r\n".encode() + body


def test_two_nodes_exchange_and_receipt(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = await partnership(tmp_path)
        texts = {f"note {n}" for n in range(50)}
        drafts = tuple(note(text, "ind", "ind", "jpn") for text in sorted(texts))
        await one.do(fx.Say((*drafts, secret("stays here", "ind"))))
        await until(lambda: other.notes() == texts)

        def receipted() -> bool:
            out = one.store.query("SELECT size, root, receipted FROM channel_out")[0]
            held = other.store.query("SELECT size, root, size FROM channel_in")[0]
            return out == held

        await until(receipted)
        await one.stop()
        await other.stop()

    asyncio.run(story())


def test_a_node_that_is_enrolled_while_the_listener_runs_gets_in(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            files, newcomer = partner(tmp_path, "can/three")
            with pytest.raises((aiohttp.ClientError, OSError)):
                await gate.post(files, b"hello")
            gate.enrolled.append(newcomer)
            port = gate.listener.port
            await gate.listener.refresh()
            assert gate.listener.port == port
            assert (await gate.post(files, b"hello"))[:2] == (200, b"can/three:hello")
            assert (await gate.post(gate.a_files, b"hello"))[:2] == (200, b"aus/one:hello")

    asyncio.run(story())


def test_a_removed_partner_is_refused_on_its_open_connection_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            Gate(tmp_path) as gate,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=gate.context(gate.a_files), limit=1)) as session,
        ):
            url = f"https://127.0.0.1:{gate.listener.port}{PATH}"
            async with session.post(url, data=b"x", headers=HEADERS) as response:
                assert response.status == 200
                await response.read()
            gate.enrolled.remove(gate.a)
            await gate.listener.refresh()
            async with session.post(url, data=b"x", headers=HEADERS) as response:
                assert response.status == 404
            with pytest.raises((aiohttp.ClientError, OSError)):
                await gate.post(gate.a_files, b"again")
            assert gate.echo.served == [("aus/one", b"x")]

    asyncio.run(story())


def test_each_request_is_taken_as_its_certificates_partner(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            calls = [(gate.a_files, "aus/one"), (gate.b_files, "bgd/two")] * 4
            answers = await asyncio.gather(*(gate.post(files, f"{n}".encode()) for n, (files, _) in enumerate(calls)))
            for n, ((_, name), (status, body, _)) in enumerate(zip(calls, answers, strict=True)):
                assert (status, body) == (200, f"{name}:{n}".encode())
            claimed = await gate.post(
                gate.a_files, b"z", headers=HEADERS | {"X-Forwarded-For": "bgd/two", "From": "bgd/two"}
            )
            assert claimed[1] == b"aus/one:z"

    asyncio.run(story())


def test_strangers_are_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            strangers = {
                "none": None,
                "unknown": make_tls(tmp_path, "stranger"),
                "same name": make_tls(tmp_path, "twin", cn="aus/one"),
                "expired": make_tls(tmp_path, "old", now_ms=1_500_000_000_000),
            }
            for files in strangers.values():
                with contextlib.suppress(ssl.SSLError, OSError):
                    assert await gate.raw(files, request(b"x")) == b""
            assert gate.echo.served == []

    asyncio.run(story())


def test_tls_1_2_and_plain_http_are_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname = False
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            old.load_cert_chain(gate.a_files.certificate, gate.a_files.key)
            old.load_verify_locations(gate.own.certificate)
            with pytest.raises((ssl.SSLError, OSError)):
                await asyncio.open_connection("127.0.0.1", gate.listener.port, ssl=old)
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.listener.port)
            writer.write(request(b"x"))
            with contextlib.suppress(OSError):
                assert b"HTTP" not in await asyncio.wait_for(reader.read(-1), 5)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            assert gate.echo.served == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "data",
    [
        request(b"", head="GET / HTTP/1.1"),
        request(b"x", head="POST / HTTP/1.1"),
        request(b"x", head=f"POST {PATH}/ HTTP/1.1"),
        request(b"x", head=f"POST {PATH}?a=1 HTTP/1.1"),
        request(b"x", head=f"PUT {PATH} HTTP/1.1"),
        request(b"x", kind="application/json"),
        request(b"1\r\nx\r\n0\r\n\r\n", length="Transfer-Encoding: chunked"),
        request(b"x", length="Content-Length: 1\r\nTransfer-Encoding: chunked"),
        request(b"x", length="Content-Length: +1"),
        request(b"x", length="Content-Length: 1\r\nContent-Length: 2"),
        b"nonsense\r\n\r\n",
        b"POST " + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_anything_but_a_message_is_the_same_nothing(tmp_path: Path, data: bytes) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            answer = await gate.raw(gate.a_files, data)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 404", b"HTTP/1.0 404"))
            assert body == b""
            assert b"aiohttp" not in head
            assert b"ython" not in head
            assert gate.echo.served == []

    asyncio.run(story())


def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            answer = await gate.raw(gate.a_files, request(b"", length=f"Content-Length: {wire.MAX_MESSAGE_BYTES + 1}"))
            assert answer.startswith(b"HTTP/1.1 413")

    asyncio.run(story())


def test_a_slow_body_is_cut_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path, Traffic(body_s=0.2)) as gate:
            answer = await gate.raw(gate.a_files, request(b"x", length="Content-Length: 100"))
            assert answer.startswith(b"HTTP/1.1 404")
            assert gate.echo.served == []

    asyncio.run(story())


def test_one_partner_cannot_take_the_room_of_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path, Traffic(requests=2)) as gate:
            gate.echo.hold = True
            waiting = [asyncio.create_task(gate.post(gate.a_files, b"w")) for _ in range(2)]
            await until(lambda: len(gate.echo.held) == 2)
            assert (await gate.post(gate.a_files, b"x"))[0] == 503
            gate.echo.hold = False
            assert (await gate.post(gate.b_files, b"y"))[:2] == (200, b"bgd/two:y")
            for reply in gate.echo.held:
                reply.set_result(b"done")
            assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200, 200]
            assert (await gate.post(gate.a_files, b"x"))[0] == 200

    asyncio.run(story())


def test_a_partner_that_hangs_up_gives_its_room_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path, Traffic(requests=1)) as gate:
            gate.echo.hold = True
            waiting = asyncio.create_task(gate.post(gate.a_files, b"w"))
            await until(lambda: gate.echo.held)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            gate.echo.hold = False
            await until(gate.echo.held[0].cancelled)
            assert (await gate.post(gate.a_files, b"x"))[0] == 200

    asyncio.run(story())


def test_the_server_names_no_client_authorities(tmp_path: Path) -> None:
    """RFC 8446 §4.3.2: the CertificateRequest (13) of the handshake carries no `certificate_authorities` extension (47)."""

    async def story() -> list[bytes]:
        async with Gate(tmp_path) as gate:
            context = gate.context(gate.a_files)
            seen: list[bytes] = []

            def watch(*args: object) -> None:
                _, direction, _, _, kind, data = args
                if direction == "read" and kind == 13:
                    assert isinstance(data, bytes)
                    seen.append(data)

            context._msg_callback = watch  # type: ignore[attr-defined] # the only look at decrypted handshake messages
            _, writer = await asyncio.open_connection("127.0.0.1", gate.listener.port, ssl=context)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()
            return seen

    (message,) = asyncio.run(story())
    at = 4 + 1 + message[4] + 2  # header, context, length of the extensions
    kinds = set()
    while at < len(message):
        kinds.add(int.from_bytes(message[at : at + 2]))
        at += 4 + int.from_bytes(message[at + 2 : at + 4])
    assert 13 in kinds  # signature_algorithms, which must be there: the walk is right
    assert 47 not in kinds


class Link:
    """A listener and a client that speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.gate = Gate(folder)
        self.client = PartnerClient(self.gate.a_files, Traffic(answer_s=3))
        self.known: list[Partner] = []

    async def start(self) -> None:
        await self.gate.listener.start()
        self.known = [self.server(self.gate.own_partner)]
        await self.client.start(self.gate.echo, lambda: self.known)

    def server(self, like: Partner) -> Partner:
        return replace(like, address=f"127.0.0.1:{self.gate.listener.port}")

    async def ask(self, node: str, data: bytes) -> bytes | None:
        count = len(self.gate.echo.outcomes)
        await asyncio.to_thread(self.client.send, node, data)
        await until(lambda: len(self.gate.echo.outcomes) > count)
        named, answer = self.gate.echo.outcomes[-1]
        assert named == node
        return answer

    async def stop(self) -> None:
        await self.client.close()
        await self.gate.listener.close(0.1)


@pytest.mark.parametrize("size", [1, 65_536, 8 << 20])
def test_messages_of_every_size_cross_whole(tmp_path: Path, size: int) -> None:
    async def story() -> None:
        link = Link(tmp_path)
        await link.start()
        data = hashlib.shake_128(b"seed").digest(size)
        assert await link.ask("own/node", data) == b"aus/one:" + data
        await link.stop()

    asyncio.run(story())


def test_the_client_refuses_a_server_that_shows_another_partners_certificate(tmp_path: Path) -> None:
    async def story() -> None:
        link = Link(tmp_path)
        await link.start()
        assert await link.ask("own/node", b"x") == b"aus/one:x"
        # `bgd/two` is a partner too, but the server at this address cannot show its certificate.
        link.known = [link.server(link.gate.b)]
        await link.client.refresh()
        assert await link.ask("bgd/two", b"x") is None
        assert await link.ask("own/node", b"x") is None  # no longer enrolled
        assert link.gate.echo.served == [("aus/one", b"x")]
        await link.stop()

    asyncio.run(story())


def test_a_partner_that_is_down_or_answers_nonsense_is_unreachable(tmp_path: Path) -> None:
    async def story() -> None:
        link = Link(tmp_path)
        await link.start()
        link.gate.enrolled.remove(link.gate.a)
        await link.gate.listener.refresh()
        assert await link.ask("own/node", b"x") is None
        await link.gate.listener.close(0.1)
        assert await link.ask("own/node", b"x") is None
        await link.stop()

    asyncio.run(story())


def test_a_send_after_the_end_is_dropped(tmp_path: Path) -> None:
    async def story() -> PartnerClient:
        link = Link(tmp_path)
        await link.start()
        await link.stop()
        return link.client

    client = asyncio.run(story())
    client.send("own/node", b"x")


def test_nodes_find_each_other_again(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = await partnership(tmp_path)
        port = other.listener.port
        await other.listener.close(0.1)
        await one.do(fx.Say((note("while away", "ind", "ind", "jpn"),)))
        again = PartnerListener(other.runner, other.keys.files, other.partners, "127.0.0.1", port)
        await again.start()
        await other.do(fx.Say((note("back", "jpn", "ind", "jpn"),)))
        await until(lambda: one.notes() >= {"back"} and other.notes() >= {"while away"})
        await again.close(0.1)
        await one.stop()
        await other.stop()

    asyncio.run(story())


def test_a_rotated_certificate_counts_once_its_card_is_enrolled_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gate(tmp_path) as gate:
            made = make_keys(tmp_path, "can/three")
            card, keyset = keys.read_card(made.card("host:1"))
            old = Partner("can/three", "can", card.root_bytes, keyset, {}, "", card.certificate_pem)
            gate.enrolled.append(old)
            await gate.listener.refresh()
            old_files = made.files
            assert (await gate.post(old_files, b"x"))[0] == 200
            made.files, made.version = make_tls(tmp_path, "rotated"), 2
            card, keyset = keys.read_card(made.card("host:1"))
            # The key set has come over the channel, the card not yet: the old certificate is out, the new one is not known.
            gate.enrolled[-1] = replace(old, keyset=keyset)
            await gate.listener.refresh()
            for files in (old_files, made.files):
                with pytest.raises((aiohttp.ClientError, OSError)):
                    await gate.post(files, b"x")
            gate.enrolled[-1] = replace(old, keyset=keyset, certificate_pem=card.certificate_pem)
            await gate.listener.refresh()
            assert (await gate.post(made.files, b"x"))[:2] == (200, b"can/three:x")
            with pytest.raises((aiohttp.ClientError, OSError)):
                await gate.post(old_files, b"x")

    asyncio.run(story())
