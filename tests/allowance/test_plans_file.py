"""The plans file: what it allows, and how its mistakes are told."""

from pathlib import Path

import pytest

from chat.billing.declaring import said
from chat.billing.plans import BUILT_IN, Plan, Plans, plans, readable
from chat.providers.domain import Model
from chat.providers.guide import MODEL as GUIDE
from chat.providers.offer import Group, offer
from chat.settings import BadSettings, read
from tests.test_commands import Done, refused, run

EXAMPLE = Path("chat/billing/plans.example.toml")
STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_12345678",
    "STRIPE_WEBHOOK_SECRET": "whsec_12345678",
    "STRIPE_PRICE_ID": "price_1",
}
FREE = 'default = "free"\n[plans.free]\n'


def told(folder: Path, text: str, **env: str) -> Plans:
    path = folder / "plans.toml"
    path.write_text(text, encoding="utf-8")
    return plans(read({"PLANS_FILE": str(path), **env}))


def mistakes(folder: Path, text: str, **env: str) -> list[str]:
    """The lines, without the file's name, which each begins with."""
    with pytest.raises(BadSettings) as caught:
        told(folder, text, **env)
    start = f"{folder / 'plans.toml'}: "
    assert all(line.startswith(start) and line.endswith(".") for line in caught.value.lines)
    assert all("\n" not in line for line in caught.value.lines)
    return [line.removeprefix(start) for line in caught.value.lines]


def model(model_id: str, plan: str = "", **more: int) -> Model:
    return Model(model_id, "P", model_id.partition("/")[2], plan=plan, **more)  # type: ignore[arg-type] # numbers


def test_without_a_file_and_stripe_nothing_is_limited() -> None:
    found = plans(read({}))

    assert found.default == Plan("free", "Free")
    assert list(found.by_key) == ["free"]
    assert not found.by_price
    assert found.higher(found.default) is None


def test_with_stripe_alone_free_and_pro_are_built_in() -> None:
    found = plans(read(STRIPE))

    assert [found.by_key[plan.key].messages for plan in BUILT_IN] == [20, 1_500]
    assert found.by_price["price_1"].name == "Pro"
    assert found.higher(found.default) == found.by_price["price_1"]
    assert found.higher(found.by_price["price_1"]) is None


def test_the_example_is_what_is_built_in() -> None:
    settings = read({"PLANS_FILE": str(EXAMPLE), **STRIPE})
    found, built_in = plans(settings), plans(read(STRIPE))

    assert found.by_key == built_in.by_key
    assert found.by_price == built_in.by_price
    assert (found.default, found.grace_days) == (built_in.default, 7)


def test_what_is_left_out_has_no_limit_and_the_default_comes_first(tmp_path: Path) -> None:
    text = '[plans.team]\nprice = "price_9"\nparallel = 9\n' + "[plans.free]\nwindow = 3600\n"
    sold = STRIPE | {"STRIPE_PRICE_ID": "price_9"}
    found = told(tmp_path, f'default = "free"\ngrace_days = 0\n{text}[plans.gift]\n', **sold)

    assert found.by_key == {
        "free": Plan("free", "free", window=3_600),
        "team": Plan("team", "team", price="price_9", parallel=9),
        "gift": Plan("gift", "gift"),
    }
    assert list(found.by_key) == ["free", "team", "gift"]
    assert found.grace_days == 0
    assert found.higher(found.default) == found.by_price["price_9"]
    assert found.higher(found.by_key["team"]) is None, "a gift cannot be bought"


def test_stripe_s_price_is_that_of_the_first_plan_that_names_none(tmp_path: Path) -> None:
    found = told(tmp_path, f'{FREE}[plans.a]\nprice = "price_2"\n[plans.b]\n[plans.c]\n', **STRIPE)
    assert {price: plan.key for price, plan in found.by_price.items()} == {
        "price_2": "a",
        "price_1": "b",
    }

    named = told(tmp_path, f'{FREE}[plans.a]\n[plans.b]\nprice = "price_1"\n', **STRIPE)
    assert {price: plan.key for price, plan in named.by_price.items()} == {"price_1": "b"}


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = """
    default = "gold"
    grace_days = -1
    colour = "red"
    [plans.Free]
    name = 7
    window = "week"
    models = "openai/*"
    messages = -1
    output_tokens = 1e9
    parallel = 0
    upload_bytes = "5 MB"
    upload_files = true
    stored_bytes = 9999999999999999999
    trial_days = 1000
    promotion_codes = 1
    prize = "price_1"
    [plans.pro]
    price = "price one"
    window = 0
    models = ["", "a b", "[a", 3, "ok-[a-z]*", "x]"]
    [plans.team]
    price = "price_2"
    [plans.other]
    price = "price_2"
    """
    assert mistakes(tmp_path, text) == [
        "grace_days must be a whole number from 0 to 365, not -1.",
        "[plans.Free] must be called by small letters, digits, hyphens and underscores,"
        " 40 at most.",
        "[plans.Free] name must be a line of text, not 7.",
        '[plans.Free] window must be "day", "period" or a number of seconds.',
        '[plans.Free] models must be a list of patterns, such as ["openai/*", "*-mini"].',
        f"[plans.Free] messages must be a whole number from 0 to {10**15}, not -1.",
        f"[plans.Free] output_tokens must be a whole number from 0 to {10**15}, not 1E+9.",
        f"[plans.Free] parallel must be a whole number from 1 to {10**15}, not 0.",
        f"[plans.Free] upload_bytes must be a whole number from 0 to {10**15}, not '5 MB'.",
        f"[plans.Free] upload_files must be a whole number from 0 to {10**15}, not True.",
        f"[plans.Free] stored_bytes must be a whole number from 0 to {10**15},"
        " not 9999999999999999999.",
        "[plans.Free] trial_days must be a whole number from 0 to 730, not 1000.",
        "[plans.Free] promotion_codes must be true or false, not 1.",
        "[plans.Free] prize is not known here.",
        "[plans.pro] price must be the id of a price at Stripe, such as price_1Abc.",
        "[plans.pro] window must be a whole number from 1 to 31622400, not 0.",
        "[plans.pro] models holds what is no pattern of a model's name: ''.",
        "[plans.pro] models holds what is no pattern of a model's name: 'a b'.",
        "[plans.pro] models holds what is no pattern of a model's name: '[a'.",
        "[plans.pro] models holds what is no pattern of a model's name: 3.",
        "[plans.pro] models holds what is no pattern of a model's name: 'x]'.",
        "colour is not known here.",
        "default must be the key of a plan (Free, pro, team, other), not 'gold'.",
        "[plans.other] has the price of plans.team: price_2.",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "default must be the key of a plan (there is none), not ''."),
        ("plans = 3", "plans must be a table, not 3."),
        ("[plans]\nfree = 3", "plans.free must be a table, not 3."),
        (f'{FREE}price = "price_1"', "[plans.free] is everybody's: it can have no price."),
    ],
)
def test_a_file_without_a_default_plan_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert line in [each.replace("[plans] free", "plans.free") for each in mistakes(tmp_path, text)]


def test_what_cannot_be_read_becomes_no_plan_without_limits(tmp_path: Path) -> None:
    def found(text: str) -> Plans:
        (tmp_path / "plans.toml").write_text(text)
        return readable(read({"PLANS_FILE": str(tmp_path / "plans.toml"), **STRIPE}))

    typed = found(f"{FREE}mesages = 5\nparallel = 2\n[plans.team]\nmessages = -1\n[plans.max]")
    free, team, most = typed.by_key.values()
    assert (free.messages, free.parallel) == (20, 2), "misspelt, and careful"
    assert (team.messages, team.price) == (20, "price_1"), "who has paid still has their plan"
    assert most.messages is None
    said = found(f'{FREE}models = "openai/*-mini"')
    assert said.allows(said.default, model("openai/x-mini"))
    assert not said.allows(said.default, model("openai/x")), "no list, and yet no free for all"
    assert typed.by_price == {"price_1": team}
    assert len(typed.mistakes) == 2

    for text in ("]", 'default = "gold"\n[plans.pro]\nmodels = ["*/tiny"]'):
        broken = found(text)
        assert broken.default == BUILT_IN[0]
        assert broken.by_price["price_1"].key == "pro"
        assert broken.mistakes
        assert not broken.allows(broken.default, model("openai/x", "gold"))


def test_with_stripe_there_must_be_something_to_sell(tmp_path: Path) -> None:
    assert mistakes(tmp_path, FREE, **STRIPE) == [
        "there must be a plan behind the default one, to be sold."
    ]


@pytest.mark.parametrize("text", ["default = ", "[plans.a]\n[plans.a]", b"\xff"])
def test_what_is_no_toml_is_one_line(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "plans.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    for given in (path, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(BadSettings) as caught:
            plans(read({"PLANS_FILE": str(given)}))
        (line,) = caught.value.lines
        assert line.startswith(f"PLANS_FILE {given} cannot be read: ")


def test_the_check_says_the_mistakes_of_both_files(tmp_path: Path) -> None:
    models, own = tmp_path / "models.toml", tmp_path / "plans.toml"
    models.write_text("speed = 9")
    own.write_text(f"{FREE}speed = 9")

    def told(command: str) -> Done:
        return run(command, data=tmp_path, MODELS_FILE=str(models), PLANS_FILE=str(own))

    assert told("check").stderr.splitlines() == [
        f"{models}: speed is not known here.",
        f"{own}: [plans.free] speed is not known here.",
    ]
    own.write_text(FREE)
    models.write_text('[models."openai/x"]\nplan = "gold"')
    for command in ("check", "serve"):
        assert refused(told(command)) == (
            f"{models}: [models.\"openai/x\"] plan must be one of free, not 'gold'."
        )


def test_without_plans_a_model_may_be_of_any(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('[models."openai/x"]\nplan = "gold"')

    _, found = said(read({"MODELS_FILE": str(tmp_path / "models.toml")}))

    assert found.allows(found.default, model("openai/x", "gold"))


def test_a_plan_holds_what_its_patterns_say_and_what_models_say(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        f'{FREE}models = ["openai/*-mini", "qwen*", "lab/[ab]"]\n'
        '[plans.plus]\nmodels = ["openai/*"]\n[plans.pro]\n',
    )
    free, plus, pro = found.by_key.values()

    def holding(model_id: str, plan: str = "") -> str:
        each = model(model_id, plan)
        held = [one.key for one in (free, plus, pro) if found.allows(one, each)]
        holder = found.holder(each)
        assert (holder.key if holder else "") == (held[0] if held else "")
        return " ".join(held)

    assert holding("openai/gpt-mini") == "free plus pro"
    assert holding("openai/gpt") == "plus pro"
    assert holding("ollama/qwen3") == "free pro", "by the provider's own id"
    assert holding("lab/a") == "free pro"
    assert holding("lab/c") == "pro"
    assert holding("OPENAI/gpt-mini") == "pro", "patterns are exact about letters"
    assert holding("openai/gpt-mini", "plus") == "plus pro", "from which plan on"
    assert holding("openai/gpt-mini", "pro") == "pro"
    assert holding("lab/c", "free") == "pro", "what the patterns leave out stays out"
    assert all(found.allows(each, GUIDE) for each in (free, plus, pro))


def test_nobody_begins_with_what_is_locked(tmp_path: Path) -> None:
    found = told(tmp_path, f'{FREE}models = ["*-small"]\n')
    big, small, other = model("a/big"), model("a/x-small"), model("b/y-small")

    def default(*groups: Group) -> str:
        return found.default_model(found.default, offer(groups, {})).id

    assert default(Group("A", (big, small)), Group("B", (other,))) == "a/x-small"
    assert default(Group("A", (small, big))) == "a/x-small"
    assert default(Group("A", (big, small), "network"), Group("B", (big, other))) == "b/y-small"
    assert default(Group("A", (big,))) == GUIDE.id
