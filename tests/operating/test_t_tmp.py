from tests.operating.test_shutdown import *
async def test_time(addresses, tmp_path):
    t0=monotonic_seconds()
    async with fleet(addresses, tmp_path, name="t", api_count=1, delay_seconds=0.4) as ships:
        await portfolio(ships, REMINDERS)
        ships.environment["PUNTUAL_LOG_LEVEL"]="info"
        first = await ships.worker()
        await ships.apis[0].patch("/tenant", {"sending": "live"})
        async def begun() -> bool:
            return len(ships.post.accepted) >= 10
        await wait_for(begun, seconds=60, what="some reminders at the server")
        print(round(monotonic_seconds()-t0), len(ships.post.accepted), dict(await statuses(ships.apis[0])))
        print(await stop(first))
        async def show():
          print(round(monotonic_seconds()-t0), len(ships.post.accepted), dict(await statuses(ships.apis[0])))
          async with engine_of(ships.apis[0].settings, admin=True) as admin, admin.connect() as o:
            print((await o.execute(text("select status, attempt_count, last_error, next_attempt_at-now(), count(*) from reminders group by 1,2,3,4"))).all())
        await show()
        await ships.worker()
        for _ in range(15):
            await asyncio.sleep(1)
            await show()
    import glob
    for f in glob.glob(str(tmp_path/"*.log")):
        print(f, open(f).read()[-1500:])
