"""Some objects to begin with: a small business with customers, a catalogue, subscriptions and invoices."""

from typing import Any, Final

from bridge_stripe.catalogue import CATALOGUE
from bridge_stripe.fake.account import Account
from bridge_stripe.fake.objects import Object

_BY_NAME: Final = {each.name: each for each in CATALOGUE}
_FIRST: Final = 1_767_225_600  # the beginning of 2026
_STEP: Final = 3_600  # seconds between two objects
_COUNTRIES: Final = ("DE", "FR", "AT", "PL", "IT")


def seed(account: Account, customers: int = 40) -> None:
    """Fill the test mode of an account."""
    sown = _Sown(account)
    products = [
        sown.make("products", name=f"Product {number}", description=f"Sort {number % 3}") for number in range(12)
    ]
    prices = [
        sown.make("prices", product=each["id"], currency=("eur", "usd")[at % 2], unit_amount=500 + 250 * at,
                  nickname=f"Price {at}", **({"recurring": {"interval": "month"}} if at % 3 else {}))
        for at, each in enumerate(products)
    ]  # fmt: skip
    people = [sown.make("customers", name=f"Customer {number}", email=f"customer{number // 2}@example.com",
                        address={"country": _COUNTRIES[number % 5]}, metadata={"tier": ("gold", "tin")[number % 2]})
              for number in range(customers)]  # fmt: skip
    monthly = [each for each in prices if each["type"] == "recurring"]
    for at, each in enumerate(people[: customers // 2]):
        sown.make("invoices", customer=each["id"], description=f"Invoice {at}")
        sown.make("subscriptions", customer=each["id"], items=[{"price": monthly[at % len(monthly)]["id"]}])
    for at, each in enumerate(people[: customers // 4]):
        sown.make("payment_intents", amount=1000 + at, currency="eur", customer=each["id"],
                  payment_method="pm_card_visa", confirm=True)  # fmt: skip
    sown.make("coupons", percent_off=25.5, duration="once", name="Quarter")


class _Sown:
    def __init__(self, account: Account) -> None:
        self._lives = account.test
        self._at = _FIRST

    def make(self, model: str, /, **params: Any) -> Object:
        """Make an object that is a little younger than the one before."""
        kind = _BY_NAME[model]
        made = self._lives.create(kind, params)
        self._at += _STEP
        made["created"] = self._at
        return made
