"""A page as a test reads it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr"}


class Page(HTMLParser):
    """Checks that elements are closed in order; keeps texts, table rows and the addresses named."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.addresses, self.elements, self.ids = [], [], [], set(), []
        self.rows = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        attributes = dict(attributes)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
