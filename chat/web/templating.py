"""Templates, rendered synchronously: nothing in them waits, so nothing need be async."""

from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jinja2.runtime import Context
from markupsafe import Markup
from quart import current_app

from chat.web import filters, i18n
from chat.web.addresses import address
from chat.web.assets import Assets

FOLDER = Path(__file__).parents[2] / "templates"


class _Context(Context):
    def call(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        _block_vars: object = None,
        _loop_vars: object = None,
        **kwargs: Any,
    ) -> Any:
        """Jinja looks whether a function wants to know where it was called: none of ours does."""
        return function(*args, **kwargs)


class _Environment(Environment):
    """What a template knows is copied for each rendering: quickly of a dict, slowly of a chain."""

    context_class = _Context

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


class Templates:
    """`always`: what every template knows of the request that it answers.

    `drawing`: filters beside those of this package.
    """

    def __init__(
        self,
        assets: Assets,
        always: Callable[[], Mapping[str, object]],
        **drawing: Callable[..., Markup],
    ) -> None:
        self._always = always
        self._environment = _Environment(
            loader=FileSystemLoader(FOLDER),
            cache_size=-1,  # all of them: without a limit nothing is locked and counted
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_gettext_callables(  # type: ignore[attr-defined] # by the extension
            i18n.gettext, i18n.ngettext, newstyle=False
        )
        self._environment.filters.update(
            bytes=filters.size,
            day=filters.day,
            minute=filters.minute,
            moment=filters.moment,
            money=filters.money,
            number=filters.number,
            price=filters.price,
            short_day=filters.short_day,
            **drawing,
        )
        self._environment.globals.update(
            _=i18n.gettext,  # as it is: Jinja's alias looks it up for each word
            asset=assets.url,
            has_htmx=assets.has_htmx,
            url_for=address,
        )
        # Given to all, since an import in each template costs more than what it draws.
        drawn = self._environment.get_template("_icon.html").module
        self._environment.globals["icon"] = drawn.icon  # type: ignore[attr-defined] # its macro

    def render(self, name: str, context: Mapping[str, object]) -> str:
        with i18n.speaking(i18n.language()):  # found out once, not for every word
            return self._environment.get_template(name).render(**self._always(), **context)

    def bare(self, name: str, context: Mapping[str, object]) -> str:
        return self._environment.get_template(name).render(**context)

    def warm(self) -> None:
        """Compile all of them, so that no first visitor waits for it."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)


def render(template: str, **context: object) -> str:
    """The HTML of a page or fragment, in the language of this request."""
    found: Templates = current_app.extensions["templates"]
    return found.render(template, context)


def fragment(template: str, **context: object) -> str:
    """HTML that says the same to everybody who reads its language: it knows of no request."""
    found: Templates = current_app.extensions["templates"]
    return found.bare(template, context)
