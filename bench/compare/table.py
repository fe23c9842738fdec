"""Tables as Markdown and as JSON, and their place in a page."""

import re


def number(amount, digits):
    return f"{amount:,.{digits}f}"


def value(amount, digits):
    return "" if amount is None else number(amount, digits)


def spread(table, row):
    """Lowest and highest of the headline's samples."""
    samples = row.samples.get(table.headline, [])
    column = next(one for one in table.columns if one.key == table.headline)
    return f"{number(min(samples), column.digits)} to {number(max(samples), column.digits)}" if len(samples) > 1 else ""


def markdown(table):
    """The ratio and the spread are told where there are any."""
    headline = next(one for one in table.columns if one.key == table.headline)
    columns = [(column.title, lambda row, column=column: value(row.median(column.key), column.digits))
               for column in table.columns]
    if any(map(lambda row: spread(table, row), table.rows)):
        columns.append((f"{headline.title}, spread", lambda row: spread(table, row)))
    for key in table.ratio_keys():
        title = next(one.title for one in table.columns if one.key == key)
        if any(table.ratio(row, key) is not None for row in table.rows):
            columns.append((f"kith ÷ this, {title}", lambda row, key=key: value(table.ratio(row, key), 2)))
    lines = [f"### {table.title}", "", line(["", *[title for title, _ in columns]])]
    lines.append(line(["---", *["---:"] * len(columns)]))
    for row in table.rows:
        lines.append(line([row.name, row.note, *[""] * (len(columns) - 1)] if row.note else
                          [row.name, *[cell(row) for _, cell in columns]]))
    if table.notes:
        lines += ["", *table.notes]
    return "\n".join(lines) + "\n"


def line(words):
    return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"


def as_json(table):
    rows = [{"name": row.name, "against": row.against, "samples": row.samples, "note": row.note,
             "ratios": {key: table.ratio(row, key) for key in table.ratio_keys()}}
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
