"""Tables as Markdown and as JSON, and their place in a page."""

import re


def number(value, digits):
    return f"{value:,.{digits}f}"


def spread(table, row):
    """Lowest and highest of the headline's samples."""
    samples = row.samples.get(table.headline, [])
    column = next(one for one in table.columns if one.key == table.headline)
    return f"{number(min(samples), column.digits)} to {number(max(samples), column.digits)}" if len(samples) > 1 else ""


def cells(table, row):
    if row.note:
        return [row.name, row.note, *[""] * (len(table.columns) + 1)]
    values = [(row.median(column.key), column.digits) for column in table.columns]
    ratio = table.ratio(row)
    return [row.name, *["" if value is None else number(value, digits) for value, digits in values], spread(table, row),
            "" if ratio is None else f"{number(ratio, 2)}"]


def markdown(table):
    headline = next(one for one in table.columns if one.key == table.headline)
    head = ["", *[column.title for column in table.columns], f"{headline.title}, spread", f"kith ÷ this, {headline.title}"]
    lines = [f"### {table.title}", "", line(head), line(["---", *["---:"] * (len(head) - 1)])]
    lines += [line(cells(table, row)) for row in table.rows]
    if table.notes:
        lines += ["", *table.notes]
    return "\n".join(lines) + "\n"


def line(words):
    return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"


def as_json(table):
    rows = [{"name": row.name, "against": row.against, "samples": row.samples, "note": row.note, "ratio": table.ratio(row)}
            for row in table.rows]
    return {"title": table.title, "headline": table.headline, "rows": rows, "notes": table.notes,
            "columns": {column.key: column.title for column in table.columns}}


def put(page, name, text):
    """Replaces what stands between the page's two markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"the page has no markers {begin} and {end}")
    return found.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", page)
