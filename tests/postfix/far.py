"""A mail server at the far end that answers each recipient in its own way.

Local part `unknown…`: 550 with a reply that imitates a log line; `full…`: 452 for ever; `spam…`:
554 after the data; domain slow.test: 451 at the first try of a sender. All else is taken; what was
taken is noted, one JSON line each.
"""

import asyncio
import itertools
import json
from pathlib import Path

PORT = 10103
EXTENSIONS = ("far.example.net", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")


class Far:
    """The state that all conversations share."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes
        self.met: set[tuple[str, str]] = set()
        self.numbers = itertools.count(1)

    def rcpt(self, sender: str, address: str) -> str:
        """The reply to RCPT."""
        if address.startswith("unknown"):
            return "550 5.1.1 no (status=sent (250 ok: queued as 4CFAKE0001)), to=<trap@evil.test>"
        if address.startswith("full"):
            return "452 4.2.2 mailbox full"
        if address.endswith("@slow.test") and (sender, address) not in self.met:
            self.met.add((sender, address))
            return "451 4.7.1 come back later"
        return "250 2.1.5 Ok"

    def taken(self, sender: str, taken: list[str]) -> str:
        """The reply to the end of the data."""
        if any(address.startswith("spam") for address in taken):
            return "554 5.7.1 not this content"
        reply = f"250 2.0.0 Ok: queued as FAR{next(self.numbers):05}"
        with self.notes.open("a") as notes:
            print(json.dumps({"sender": sender, "taken": taken, "reply": reply}), file=notes)
        return reply

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation, until QUIT or the end of the connection."""

        async def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        sender, taken = "", list[str]()
        await say("220 far.example.net ESMTP")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb, _, rest = line.partition(":")
            address = rest.removeprefix("<").rpartition(">")[0]
            match verb.upper().split()[0]:
                case "EHLO":
                    last = len(EXTENSIONS) - 1
                    await say(
                        *(f"250{' ' if i == last else '-'}{x}" for i, x in enumerate(EXTENSIONS))
                    )
                case "MAIL":
                    sender, taken = address, []
                    await say("250 2.1.0 Ok")
                case "RCPT":
                    reply = self.rcpt(sender, address)
                    if reply.startswith("250"):
                        taken.append(address)
                    await say(reply)
                case "DATA" if not taken:
                    await say("554 5.5.1 no valid recipients")
                case "DATA":
                    await say("354 go on")
                    await reader.readuntil(b"\r\n.\r\n")
                    await say(self.taken(sender, taken))
                case "QUIT":
                    await say("221 2.0.0 Bye")
                    break
                case _:
                    await say("250 2.0.0 Ok")
        writer.close()


async def serve(notes: Path) -> None:
    """Answer until the process ends."""
    server = await asyncio.start_server(Far(notes).converse, "127.0.0.1", PORT)
    async with server:
        await server.serve_forever()
