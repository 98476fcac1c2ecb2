"""Reading JSON bodies. A file of its own: Django REST framework imports it while it imports itself."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class TextJSONParser(JSONParser):
    """JSON whose text is text: half of a surrogate pair, which JSON can escape, could neither be stored nor be sent back."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            document: dict[str, Any] = super().parse(stream, media_type, parser_context)
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ParseError("The JSON holds half of a surrogate pair. Send text that is valid Unicode.") from error
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        return document
