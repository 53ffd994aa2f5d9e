"""Goal: the shipped assets are complete enough to try every order rule on, and stay the same.
Method: read the list as a user would and check flags, ids and look-ups.
"""

from __future__ import annotations

from uuid import UUID

from execbot.sim.assets import listings, shipped_directory
from execbot.sim.types import AssetClass


def test_every_asset_is_found_by_symbol_and_by_id():
    directory = shipped_directory()
    assert len(directory.all()) >= 170
    for asset in directory.all():
        assert directory.get(asset.symbol) is asset
        assert directory.get(asset.id) is asset
        assert UUID(asset.id).version == 4
    assert len({asset.id for asset in directory.all()}) == len(directory.all())
    assert directory.get("NOPE") is None


def test_crypto_pairs_are_found_with_and_without_the_slash():
    directory = shipped_directory()
    assert directory.get("BTCUSD") is directory.get("BTC/USD")
    pairs = [asset for asset in directory.all() if asset.asset_class is AssetClass.CRYPTO]
    assert len(pairs) >= 20
    for pair in pairs:
        assert pair.fractionable and not pair.shortable and not pair.marginable
        assert pair.min_order_size and pair.min_trade_increment and pair.price_increment


def test_the_list_has_an_example_of_every_flag():
    assets = [listing.asset for listing in listings()]
    equities = [a for a in assets if a.asset_class is AssetClass.US_EQUITY and a.active]
    assert any(not a.fractionable for a in equities)
    assert any(not a.shortable for a in equities)
    assert any(a.shortable and not a.easy_to_borrow for a in equities)
    assert any(not a.marginable for a in equities)
    assert any(a.exchange == "OTC" for a in equities)
    assert any(not a.active for a in assets)
    assert any(listing.price < 1 for listing in listings())
    assert {a.maintenance_margin for a in equities} >= {30, 50, 75, 100}
    assert any("overnight_tradable" in a.attributes for a in equities)
    assert any("overnight_tradable" not in a.attributes for a in equities)


def test_a_recorded_symbol_is_tradable_even_if_inactive_today():
    assert not shipped_directory().get("TWX").tradable
    directory = shipped_directory(["TWX", "ZZZZ", "AAA/BBB"])
    assert directory.get("TWX").tradable and directory.get("TWX").active
    assert directory.get("ZZZZ").asset_class is AssetClass.US_EQUITY
    assert directory.get("AAABBB").asset_class is AssetClass.CRYPTO
    assert directory.get("TWX").id == shipped_directory().get("TWX").id
