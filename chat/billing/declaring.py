"""What the operator's two files say together: which models there are, and which plan has them."""

from chat.billing.plans import Plans, plans, readable
from chat.providers.declared import Declared, declared
from chat.settings import BadSettings, Settings


def begun_with(settings: Settings) -> tuple[Declared, Plans]:
    """What the app starts with: a mistake in the plans only ends the selling, see `mistakes`.

    BadSettings when the models cannot be read, or are of a plan that there is not.
    """
    found = readable(settings)
    return (declared(settings), found) if found.mistakes else said(settings)


def said(settings: Settings) -> tuple[Declared, Plans]:
    """What both files say; BadSettings with all mistakes of both."""
    lines: list[str] = []
    models, found = Declared(), Plans()
    try:
        models = declared(settings)
    except BadSettings as error:
        lines += error.lines
    try:
        found = plans(settings)
        check_models(found, models, settings)
    except BadSettings as error:
        lines += error.lines
    if lines:
        raise BadSettings(lines)
    return models, found


def check_models(found: Plans, models: Declared, settings: Settings) -> None:
    """BadSettings where the models file names a plan that there is not.

    Without plans it may name any: nothing asks for it then.
    """
    if settings.plans_file is None and not settings.billing:
        return
    known = ", ".join(found.by_key)
    lines = [
        f'{settings.models_file}: [models."{model_id}"] plan must be one of {known}, not {name!r}.'
        for model_id, model in models.models.items()
        if (name := model.said.get("plan", "")) and name not in found.by_key
    ]
    if lines:
        raise BadSettings(lines)
