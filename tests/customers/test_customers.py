"""Customers through the API."""

from tests.conftest import Api


async def test_a_customer_is_created_and_read_back(api: Api) -> None:
    made = await api.post("/customers", {"name": "Ñandú Ibérica", "external_id": "C-1", "time_zone": "Europe/Madrid"})
    read = await api.get(f"/customers/{made['id']}")
    assert read == made
    assert (read["name"], read["external_id"], read["version"]) == ("Ñandú Ibérica", "C-1", 1)


async def test_an_unknown_field_names_itself(api: Api) -> None:
    problem = await api.post("/customers", {"name": "A", "nmae": "B"}, expect=422)
    assert problem["errors"] == [
        {
            "pointer": "/nmae",
            "code": "unknown_field",
            "message": "This field is not known here; check its spelling or leave it out.",
        }
    ]
