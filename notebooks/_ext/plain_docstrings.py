"""The package's docstrings on the page: plain sentences under the headings of numpydoc, shown as they are written.

Their entries read "name : everything about it" and their Raises are sentences, which the usual converters take for types.
"""

import re

SECTIONS = ("Parameters", "Returns", "Raises")


def convert(app, what, name, obj, options, lines):
    """Rewrite a docstring in place as reStructuredText."""
    output, section, number = [], None, 0
    while number < len(lines):
        line = lines[number]
        underline = lines[number + 1] if number + 1 < len(lines) else ""
        if line in SECTIONS and re.fullmatch("-+", underline):
            section = line
            output += ["", f".. rubric:: {line}", ""]
            number += 2
            continue
        if section and not line.strip():
            section = None  # a section ends with a blank line
        entry = re.fullmatch(r"(\w+(?:, \w+)*) : (.*)", line) if section else None
        if entry:
            output += [f"**{entry[1]}**", f"   {escaped(entry[2])}"]
        elif section and line.startswith(" "):
            output.append(f"   {escaped(line.strip())}")
        else:
            output.append(escaped(line))
        number += 1
    lines[:] = output


def escaped(line):
    """A |norm| or a * b is not markup here; what stands between backquotes is."""
    parts = re.split(r"(`[^`]*`)", line)
    parts[::2] = [re.sub(r"([|*_])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", convert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
