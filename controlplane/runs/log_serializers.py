"""The JSON of captured output."""

from typing import Any

from rest_framework import serializers

from controlplane.runs.log_reader import MATCHES_MAX, NEEDLE_MAX, Line, StreamView


class LogStreamSerializer(serializers.Serializer[StreamView]):
    """What one step (or the run itself) wrote to stdout or stderr, as far as it has arrived."""

    attempt = serializers.IntegerField()
    log_key = serializers.CharField()
    stream = serializers.ChoiceField(["stdout", "stderr"])
    size = serializers.IntegerField(help_text="Bytes.")
    lines = serializers.IntegerField(help_text="The unfinished last one included.")
    dropped_bytes = serializers.IntegerField(help_text="Bytes beyond the limit, counted but not kept.")
    final = serializers.BooleanField(help_text="Whether more can come.")


class LineSerializer(serializers.Serializer[Line]):
    """A line as it is shown: `missing` bytes of it are not."""

    number = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Where it begins, in bytes.")
    text = serializers.CharField(trim_whitespace=False)
    missing = serializers.IntegerField()


class LinesSerializer(serializers.Serializer[Any]):
    """A stretch of lines."""

    lines = LineSerializer(many=True)
    total = serializers.IntegerField()
    final = serializers.BooleanField()


class MatchSerializer(serializers.Serializer[Any]):
    """One occurrence."""

    line = serializers.IntegerField()
    offset = serializers.IntegerField()


class FoundSerializer(serializers.Serializer[Any]):
    """Every occurrence is counted; the first ones are listed."""

    count = serializers.IntegerField()
    lines = serializers.IntegerField(help_text="How many lines have one.")
    matches = MatchSerializer(many=True, help_text=f"The first {MATCHES_MAX}.")


class StreamQuerySerializer(serializers.Serializer[Any]):
    """Which stream of a run is meant."""

    log_key = serializers.CharField(max_length=1000, trim_whitespace=False)
    attempt = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="The newest unless told."
    )


class BytesQuerySerializer(StreamQuerySerializer):
    """A stretch of bytes."""

    start = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    end = serializers.IntegerField(
        min_value=0, max_value=2**62, default=None, help_text="Excluded; the end unless told."
    )


class LinesQuerySerializer(StreamQuerySerializer):
    """A stretch of lines."""

    first = serializers.IntegerField(min_value=1, max_value=2**62, default=1)
    count = serializers.IntegerField(min_value=1, max_value=2000, default=200)


class SearchQuerySerializer(StreamQuerySerializer):
    """A search."""

    q = serializers.CharField(max_length=NEEDLE_MAX, trim_whitespace=False, help_text="Text, not a pattern.")
    ignore_case = serializers.BooleanField(default=True)
