"""Columns of times as files hold them, into nanoseconds: in bulk, and read as the times of messages are."""

import polars as pl

from connectors.event_time import LIMIT_NS, SECONDS, EventTimes

_RFC_3339 = (
    r"^(?<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}):(?<second>[0-5][0-9])"
    r"(?:\.(?<fraction>[0-9]+))?(?<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?$"
)
_WHOLE, _DECIMAL = r"^-?[0-9]{1,18}$", r"^-?[0-9]{1,18}\.[0-9]+$"


def times_ns(column: pl.Series, times: EventTimes) -> pl.Series:
    """Nanoseconds since the epoch (int64, UTC), named `time_ns`; null where there is no time from 1970 to 2116.

    `column` is named `time`: text (RFC 3339 or milliseconds), numbers (milliseconds) or times; `times` reads what
    has no offset.
    """
    if isinstance(column.dtype, pl.Datetime):
        sane = column.to_frame().select(pl.when(pl.col("time").dt.year().is_between(1970, 2116)).then("time"))["time"]
        if column.dtype.time_zone is not None:
            return _bounded(sane.cast(pl.Datetime("ns", "UTC")).to_physical())
        column = sane.cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S%.9f")
    text = stripped(column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column)
    if text.dtype != pl.String:
        return _bounded(_from_ms(text.cast(pl.Int64 if text.dtype.is_integer() else pl.Float64, strict=False)))
    numbers = text.str.contains(_DECIMAL) | text.str.contains(_WHOLE)
    if not numbers.any():
        return _bounded(_from_text(text, times))
    whole = pl.select(pl.when(text.str.contains(_WHOLE)).then(text)).to_series()
    decimal = pl.select(pl.when(text.str.contains(_DECIMAL)).then(text)).to_series()
    choices = (
        _from_ms(whole.cast(pl.Int64)),
        _from_ms(decimal.cast(pl.Float64)),
        _from_text(pl.select(pl.when(~numbers).then(text)).to_series(), times),
    )
    return _bounded(pl.select(pl.coalesce(*choices)).to_series())


def _from_ms(ms: pl.Series) -> pl.Series:
    """Epoch milliseconds, whole or not, as ns; null beyond what is bounded anyway, and where they are seconds."""
    seconds = ms.is_between(*SECONDS, closed="left")
    sane = pl.select(pl.when(ms.is_between(0, LIMIT_NS // 1_000_000) & ~seconds).then(ms).alias("ms"))
    whole = pl.col("ms").floor().cast(pl.Int64)
    fraction = ((pl.col("ms") - whole) * 1e6).round().cast(pl.Int64)
    return sane.select(whole * 1_000_000 + fraction).to_series()


def _from_text(text: pl.Series, times: EventTimes) -> pl.Series:
    """RFC 3339 as ns: each minute that occurs is read once, by what reads the times of messages."""
    parts = text.str.extract_groups(_RFC_3339).struct.unnest()
    minute = pl.concat_str(pl.col("minute"), pl.lit(":00"), pl.col("offset").fill_null(""))
    second_ns = pl.col("second").cast(pl.Int64) * 1_000_000_000
    fraction_ns = pl.col("fraction").fill_null("").str.slice(0, 9).str.pad_end(9, "0").cast(pl.Int64)
    rest = parts.select(minute.alias("minute"), (second_ns + fraction_ns).alias("rest"))
    found = rest["minute"].unique().drop_nulls()
    known = pl.DataFrame({"minute": found, "ns": pl.Series([times.ns(one) for one in found], dtype=pl.Int64)})
    joined = rest.join(known, on="minute", how="left", maintain_order="left")
    return joined.select(pl.col("ns") + pl.col("rest")).to_series()


def _bounded(ns: pl.Series) -> pl.Series:
    return pl.select(pl.when(ns.is_between(0, LIMIT_NS)).then(ns).alias("time_ns")).to_series()


def stripped(column: pl.Series) -> pl.Series:
    """Text without spaces around it; other columns as they are."""
    return column.str.strip_chars() if column.dtype == pl.String else column
