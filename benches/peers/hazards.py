"""Reads ten kinds of hazardous files with pandas, polars, DuckDB and tenure, and compares with the intended tables.

hazards.py TENURE_BINARY   (pip install pandas polars duckdb)

Defaults everywhere, but pandas and polars are asked to parse dates. Of a kind with two files the table shows the worse
outcome, and the list below it both. The files are small and the bad rows near the top: thousands of rows further down,
behind the rows that types are inferred from, polars and DuckDB refuse some that they get wrong here. Best first:
  right           the intended table: ids as written, numbers as numbers, dates as timestamps
  refused         an error, or the bad rows set aside (not nulled) and all others right
  warned          not the intended table, but something was printed that says so
  silently wrong  not the intended table, and nothing was printed
"""
import datetime as dt
import json
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas
import polars

KINDS = dict(customer_id="id", order_id="id", ordered_at="date", description="text", quantity="number",
             unit_price="number")
OUTCOMES = ["right", "refused", "warned", "silently wrong"]


@dataclass
class Hazard:
    kind: str
    content: bytes
    table: dict  # the intended rows by line
    bad: tuple = ()  # lines of which nobody can make a right row
    either: tuple = ()  # lines of the table that may also be set aside
    separator: str = ","  # what pandas and polars are told, since they do not look for it


def orders(count=9, **changes):
    """Rows of a shop; `changes` holds other values by column and row."""
    plain = lambda n: (str(500 + n), f"A{n}", dt.datetime(2024, 3, 1 + n % 28, 9, 30), "mug", n % 7 + 1, 12.25)
    return [{c: changes.get(c, {}).get(n, value) for c, value in zip(KINDS, plain(n))} for n in range(count)]


def write(rows, delimiter=",", date_format="%Y-%m-%d %H:%M:%S"):
    cell = lambda value: value.strftime(date_format) if isinstance(value, dt.datetime) else str(value)
    return "".join(delimiter.join(map(cell, r)) + "\n" for r in [KINDS, *(r.values() for r in rows)]).encode()


def numbered(rows, without=()):
    return {line: r for line, r in enumerate(rows, start=2) if line not in without}  # the header is line 1


def hazards():
    # An id is a name, whatever it is made of: 00123 and 123 are two customers, and 12345.0 is as the export has it.
    for kind, *ids in [("1 ids with leading zeros", "00123", "123", "0123"),
                       ("2 ids beyond 2^53 beside 12345.0", "9007199254740993", "12345.0", "1234567890123456789")]:
        rows = orders(customer_id=dict(enumerate(ids)))
        yield Hazard(kind, write(rows), numbered(rows))

    # A British and an American shop write files of one form, and nothing in the file tells which it is: a reader that
    # is right for one is wrong for the other. Only who refuses is not wrong.
    days = [dt.datetime(2024, 1 + n % 9, 3 + n % 7) for n in range(6_000)]
    # Of 6,000 rows the 5,000th is on the 25th: that settles the order for all.
    settled = [*days[:4_999], dt.datetime(2024, 5, 25), *days[5_000:]]
    for kind, dates in {"3 day or month first, open": days[:9], "4 the same, settled by row 5,000": settled}.items():
        rows = orders(len(dates), ordered_at=dict(enumerate(dates)))
        for order, date_format in {"day first": "%d/%m/%Y", "month first": "%m/%d/%Y"}.items():
            yield Hazard(f"{kind} ({order})", write(rows, ",", date_format), numbered(rows))

    # What a German spreadsheet saves: every price can be read in one way only.
    prices = {"1.234,50": 1234.5, "2,50": 2.5, "1.000.000,01": 1000000.01}
    texts, numbers = (orders(3, unit_price=dict(enumerate(column))) for column in (prices.keys(), prices.values()))
    content, intended = write(texts, ";"), numbered(numbers)
    for how, separator in {"separator not named": ",", "separator named": ";"}.items():
        yield Hazard(f"5 decimal commas, semicolons ({how})", content, intended, separator=separator)

    # A transfer broke off in the last record, whose rest is lost. Of the other rows nothing is.
    rows = orders()
    intended = numbered(rows, without=(10,))
    yield Hazard("6 last record cut (after its date)", write(rows).removesuffix(b",mug,2,12.25\n"), intended, (10,))
    # Here 12.25 became 12.2: only the line end that is missing gives it away.
    yield Hazard("6 last record cut (within its price)", write(rows).removesuffix(b"5\n"), intended, (10,))

    # Somebody typed a quote before the mug of line 4. Nine orders were placed; line 4 may be kept with its quote.
    rows = orders(description={2: '"mug'})
    yield Hazard("7 unclosed quote (the only one)", write(rows), numbered(rows), either=(4,))
    # The same, and line 8 holds a rightly quoted description, which seems to close the quote of line 4.
    quoted, meant = (orders(description={2: '"mug', 6: text}) for text in ('"mug, blue"', "mug, blue"))
    yield Hazard("7 unclosed quote (a quoted field below)", write(quoted), numbered(meant), either=(4,))

    # Written throughout in Latin-1, of which every byte is a character; then in UTF-8, with a damaged cell in line 5.
    rows = orders(description={0: "café", 3: "crème", 5: "Käse"})
    yield Hazard("8 not UTF-8 (Latin-1 throughout)", write(rows).decode().encode("latin-1"), numbered(rows))
    yield Hazard("8 not UTF-8 (one bad byte in UTF-8)", write(rows).replace("è".encode(), b"\xff"),
                 numbered(rows, without=(5,)), bad=(5,))

    # There is no 30 February, so line 4 has no time. Year 9999 is a placeholder, since no order was placed then, but
    # it is a date: line 7 may be kept as written or set aside.
    rows = orders(ordered_at={2: "2024-02-30 09:30:00", 5: dt.datetime(9999, 12, 31)})
    yield Hazard("9 30 February, year 9999", write(rows), numbered(rows, without=(4,)), bad=(4,), either=(7,))

    # No price is infinite or no number: three lines are bad.
    rows = orders(unit_price={1: "1e309", 3: "NaN", 5: "inf"})
    yield Hazard("10 amounts 1e309, NaN, inf", write(rows), numbered(rows, without=(3, 5, 7)), bad=(3, 5, 7))


def by_pandas(path, separator):
    frame = pandas.read_csv(path, parse_dates=["ordered_at"], sep=separator)
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def by_polars(path, separator):
    return polars.read_csv(path, try_parse_dates=True, separator=separator).to_dicts()


def by_duckdb(path, _):
    relation = duckdb.sql(f"FROM read_csv('{path}')")
    return [dict(zip(relation.columns, values)) for values in relation.fetchall()]


def by_library(read, path, hazard):
    """The outcome, and why."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rows = read(path, hazard.separator)
        except Exception as error:
            return "refused", str(error)[:110]
    lines = sorted({*hazard.table, *hazard.bad})
    counts = f"{len(lines)} records came as {len(rows)} rows; " * (len(rows) != len(lines))
    return verdict(counts + differences(hazard, dict(zip(lines, rows))), [str(w.message) for w in caught])


def by_tenure(binary, path, hazard):
    out = Path(f"{path}.out")
    run = subprocess.run([binary, "ingest", path, "--out", out, "--format", "json"], capture_output=True, text=True)
    if run.returncode == 2:
        return "refused", run.stderr.strip().splitlines()[0][:110]
    run.check_returncode()  # 2 is a refusal, all else a fault
    stored = lambda name: polars.read_parquet([p for p in out.rglob("*.parquet") if name in str(p)]).to_dicts()
    rows, aside = ({r["line_no"]: r for r in stored(name)} for name in ("data/transactions", "data/unparsed"))
    lost = [line for line in hazard.table if line not in rows and not (line in aside and line in hazard.either)]
    notes = json.loads((out / "manifest.json").read_text()).get("warnings", {}).get("ingest", [])
    printed = [note for note in notes if note in " ".join((run.stdout + run.stderr).split())]
    difference = f"good lines {lost} are missing; " * bool(lost) + differences(hazard, rows)
    return verdict(difference, printed) if difference or not aside else ("refused", f"lines set aside: {list(aside)}")


def verdict(difference, printed):
    if not difference:
        return "right", ""
    return ("warned", f"{difference}; warning: {printed[0][:90]}") if printed else ("silently wrong", difference)


def same(kind, intended, came):
    """An id may come as an integer that writes the same, and midnight as a date; text is no number and no date."""
    if kind == "date":
        return isinstance(came, dt.date) and f"{came:%Y-%m-%d %H:%M:%S}" == str(intended)
    return came == intended or (kind == "id" and str(came) == intended)


def differences(hazard, rows):
    """What is not as intended, with the first example of each column; empty when nothing is."""
    found = {}
    for line, came in rows.items():
        if not came.keys() >= KINDS.keys():
            return f"the columns came as {len(came)}: {str(list(came))[:90]}"
        if line in hazard.bad:
            found.setdefault("bad rows kept", []).append(f"line {line} as {[str(came[c]) for c in KINDS]}")
        for column, intended in hazard.table.get(line, {}).items():
            if not same(KINDS[column], intended, cell := came[column]):
                example = f"line {line}: intended {intended}, came {type(cell).__name__} {cell}"
                found.setdefault(column, []).append(example)
    return "; ".join(f"{what} ({len(cells)} of {len(rows)} rows): {cells[0]}" for what, cells in found.items())


def main(binary):
    libraries = [(pandas, by_pandas), (polars, by_polars), (duckdb, by_duckdb)]
    readers = {f"{library.__name__} {library.__version__}": read for library, read in libraries} | {"tenure": None}
    worst, reasons = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for number, hazard in enumerate(hazards()):
            path = f"{folder}/{number}.csv"
            Path(path).write_bytes(hazard.content)
            outcomes = worst.setdefault(hazard.kind.split(" (")[0], dict.fromkeys(readers, "right"))
            for name, read in readers.items():
                outcome, why = by_library(read, path, hazard) if read else by_tenure(binary, path, hazard)
                outcomes[name] = max(outcomes[name], outcome, key=OUTCOMES.index)
                if outcome != "right":
                    reasons.append(f"- {hazard.kind}, {name}: **{outcome}**: {' '.join(why.split())}")
    lines = [["kind", *readers], ["---"] * 5, *([kind, *found.values()] for kind, found in worst.items())]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + "\n".join(reasons))


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
