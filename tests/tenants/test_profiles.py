"""The contact profiles that can be chosen, as the API tells them."""

from tests.conftest import Api


async def test_the_profiles_tell_their_hours_limits_sources_and_dates(api: Api) -> None:
    told = await api.get("/contact-profiles")
    profiles = {profile["key"]: profile for profile in told["data"]}
    assert list(profiles) == ["none", "co_ley_2300", "cl_19496", "pe_29571", "mx_condusef", "us_reg_f"]
    (colombia,) = profiles["co_ley_2300"]["versions"]
    assert (colombia["valid_from"], colombia["calendar"], colombia["needs_granted_consent"]) == (
        "2023-10-10",
        "CO",
        True,
    )
    assert colombia["norms"][0]["name"] == "Ley 2300 de 2023, arts. 1-5"
    assert colombia["rules"] == [
        {
            "channels": ["calls_and_visits", "messages"],
            "hours": [
                {"start": "07:00", "end": "19:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
                {"start": "08:00", "end": "15:00", "days": ["sat"]},
            ],
            "open_on_holidays": False,
            "caps": [
                {"kind": "per_day", "limit": 1, "days": 0, "per_debt": False},
                {"kind": "one_channel_after_conversation", "limit": 1, "days": 0, "per_debt": False},
            ],
        }
    ]
    assert profiles["none"]["versions"] == []
    assert profiles["us_reg_f"]["protects"] == ["consumer"]
    assert told["hold_presets"][0]["key"] == "uk_breathing_space"
    assert "no legal advice" in told["notice"]


async def test_every_profile_can_be_chosen(api: Api) -> None:
    for profile in (await api.get("/contact-profiles"))["data"]:
        assert (await api.patch("/tenant", {"contact_profile": profile["key"]}))["contact_profile"] == profile["key"]
