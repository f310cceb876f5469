"""What a page shows of a reply that grows: parts applied to it as htmx applies them."""

from bs4 import BeautifulSoup, Tag

from tests.people import Answer, Event


class Screen:
    """One bubble, with the stream's place in it. `held`: the id of the last event, '' at first."""

    def __init__(self, page: Answer, reply: str) -> None:
        self._page = page.html
        self._reply = reply
        self.held = ""

    def apply(self, event: Event) -> None:
        self.held = event.id or self.held
        for part in event.html.select("hx-partial"):
            self._swap(part, str(part["hx-target"]), str(part["hx-swap"]))

    @property
    def bubble(self) -> Tag:
        return self._one(f"#m-{self._reply}")

    @property
    def blocks(self) -> str:
        """The HTML of the finished blocks."""
        return self._one(f"#m-{self._reply}-blocks").decode_contents()

    @property
    def tail(self) -> str:
        return self._one(f"#m-{self._reply}-tail").decode_contents()

    @property
    def text(self) -> str:
        return self._one(f"#m-{self._reply} [data-part=text]").get_text()

    @property
    def thoughts(self) -> str:
        """The HTML of what was thought."""
        return self._one(f"#m-{self._reply}-thoughts").decode_contents()

    @property
    def thinking(self) -> str:
        """What the folded part is called."""
        return self._one(f"#m-{self._reply} [data-part=reasoning] > summary").get_text()

    @property
    def html(self) -> str:
        """The inside of a finished reply."""
        return self._one(f"#m-{self._reply} [data-part=text]").decode_contents()

    def _swap(self, part: Tag, target: str, swap: str) -> None:
        found, inside = self._one(target), list(part.contents)
        if swap == "outerHTML":
            found.replace_with(*inside)
            return
        assert swap in ("innerHTML", "beforeend"), swap
        if swap == "innerHTML":
            found.clear()
        for child in inside:
            found.append(child.extract())

    def _one(self, selector: str) -> Tag:
        found = self._page.select_one(selector)
        assert found is not None, f"no {selector} in {self._page}"
        return found


def normal(html: str) -> str:
    """HTML as a parser writes it: two spellings of the same document are equal."""
    return BeautifulSoup(html, "html.parser").decode_contents().strip()
