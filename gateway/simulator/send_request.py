"""A `POST /send` body, checked against every documented rule and rendered for each recipient."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.errors import Refusal

try:
    from liquid import BoundTemplate, Environment
    from liquid.exceptions import LiquidError
except ImportError as missing:  # pragma: no cover
    raise ImportError("the simulator needs python-liquid: install sms-outbox-gateway[local]") from missing

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[2-9][0-9]{9}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SCHEDULED = re.compile(r"\d{8}T\d{6}[+-]\d{4}")
_KINDS: dict[str, tuple[type, ...]] = {
    "subscribers": (list,), "subscriberIds": (list,), "groups": (list,), "allSubscribers": (bool,), "threadId": (int,),
    "message": (str,), "image": (str,), "templateId": (int,), "linkId": (int,), "rehost": (bool,), "isMMS": (bool,),
    "properties": (dict,), "externalId": (str,), "tags": (dict,), "scheduledDate": (str,), "repeat": (dict,),
    "longcodeId": (int,), "senderName": (str,), "header": (str,), "footer": (str,),
}  # fmt: skip
_ENVIRONMENT = Environment()


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one recipient."""

    recipient: str
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """A request that passed every check."""

    texts: list[Text]
    international: int
    external_id: str
    tags: dict[str, str]
    sender: int | None
    mms: bool
    scheduled: float | None


@dataclass(slots=True)
class Book:
    """The account's data that a send may refer to."""

    subscribers: dict[int, str]
    groups: dict[int, list[int]]
    links: dict[int, str]
    unsubscribed: set[str]


def read_order(body: Any, config: SimulatorConfig, book: Book) -> Order:
    """Return the request in a body; raises `Refusal` as the provider would."""
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    for name, value in body.items():
        kinds = _KINDS.get(name)
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise Refusal(400, f"{name} has the wrong type")
    tags = body.get("tags", {})
    if not all(isinstance(value, str) for value in tags.values()):
        raise Refusal(400, "tags must be strings")
    recipients = _recipients(body, book)
    if len(recipients) > config.max_recipients:
        raise Refusal(400, f"at most {config.max_recipients} recipients")
    sender = body.get("longcodeId")
    if sender is not None and str(sender) not in config.senders:
        raise Refusal(400, "longcodeId is not a number of this account")
    texts, international = _render(body, recipients, config, book)
    return Order(
        texts=texts,
        international=international,
        external_id=body.get("externalId", ""),
        tags=tags,
        sender=sender,
        mms=bool(body.get("image") or body.get("isMMS")),
        scheduled=_scheduled(body.get("scheduledDate")),
    )


def _recipients(body: dict[str, Any], book: Book) -> list[str]:
    named = [body.get(name) for name in ("subscribers", "subscriberIds", "groups")]
    if body.get("allSubscribers"):
        if any(named):
            raise Refusal(400, "allSubscribers excludes other recipients")
        return list(book.subscribers.values())
    found: list[str] = [str(one) for one in named[0] or []]
    for subscriber in named[1] or []:
        if subscriber not in book.subscribers:
            raise Refusal(400, "unknown subscriber id")
        found.append(book.subscribers[subscriber])
    for group in named[2] or []:
        if group not in book.groups:
            raise Refusal(400, "unknown group id")
        found += [book.subscribers[subscriber] for subscriber in book.groups[group]]
    if not found and body.get("threadId") is None:
        raise Refusal(400, "at least one recipient is required")
    return list(dict.fromkeys(found))


def _template(body: dict[str, Any], config: SimulatorConfig, book: Book) -> tuple[str, dict[str, Any]]:
    template_id = body.get("templateId")
    if template_id is None:
        if not body.get("message") and not body.get("image"):
            raise Refusal(400, "one of message, image and templateId is required")
        return body.get("message", ""), {}
    template = config.templates.get(str(template_id))
    if template is None:
        raise Refusal(400, "unknown template")
    if template.get("link") and body.get("linkId") is None:
        raise Refusal(400, "this template requires a linkId")
    return str(template["message"]), {"link": book.links.get(body.get("linkId", 0), "")}


def _render(body: dict[str, Any], recipients: list[str], config: SimulatorConfig, book: Book) -> tuple[list[Text], int]:
    template, values = _template(body, config, book)
    frame = (body.get("header", ""), body.get("footer", ""))
    longest = config.mms_characters if body.get("image") or body.get("isMMS") else config.sms_characters
    if config.length_counted == "before_liquid":
        _check_length(template, longest, config)
    properties = body.get("properties", {})
    texts: list[Text] = []
    international = 0
    for recipient in recipients:
        number = _number(recipient)
        if number is None:
            if config.bad_numbers == "refuse":
                raise Refusal(400, "a recipient is not a valid number")
            continue
        if not number.startswith("+1") and not config.international:
            international += 1
            continue
        # Values are found only by the exact spelling of the recipient.
        own = properties.get(recipient, {})
        text = _liquid(template, values | (own if isinstance(own, dict) else {}))
        text = "".join((frame[0], text, frame[1]))
        if config.length_counted == "after_liquid":
            _check_length(text, longest, config)
        if number not in book.unsubscribed:
            texts.append(Text(recipient, number, text))
    return texts, international


def _number(recipient: str) -> str | None:
    if _NUMBER.fullmatch(recipient):
        return recipient if recipient.startswith("+") else f"+1{recipient}"
    return recipient if _EMAIL.fullmatch(recipient) else None


def _check_length(text: str, longest: int, config: SimulatorConfig) -> None:
    if config.long_messages == "refuse" and len(text) > longest:
        raise Refusal(400, f"the message is longer than {longest} characters")


def _liquid(template: str, values: dict[str, Any]) -> str:
    """Render a template; a missing value is empty, and a value is inserted without rendering it."""
    if "{{" not in template and "{%" not in template:
        return template
    try:
        return _parsed(template).render(**values)
    except LiquidError as error:
        raise Refusal(400, "the message is not a valid template") from error


@lru_cache(maxsize=256)
def _parsed(template: str) -> BoundTemplate:
    return _ENVIRONMENT.from_string(template)


def _scheduled(written: str | None) -> float | None:
    if written is None:
        return None
    try:
        if _SCHEDULED.fullmatch(written):
            return datetime.strptime(written, "%Y%m%dT%H%M%S%z").timestamp()
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise Refusal(400, "scheduledDate is not an ISO 8601 date") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
