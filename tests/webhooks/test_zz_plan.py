import asyncio, time
from uuid import UUID
from sqlalchemy import text
from app.core.db import create_engine
from app.webhooks.claims import claim
from app.webhooks.delivery import Deliverer
from app.outbox.relay import relay
from app.core.work import Kind, due_tenants
from tests.conftest import Api
from tests.webhooks.erp import Worker, listen, receiver, deliveries
async def test_plan(api, app, settings, database, unit_of_work):
    w = Worker.of(app, api)
    async with receiver() as erp:
        a = await listen(api, erp.url); b = await listen(api, erp.url); c = await listen(api, "http://127.0.0.1:9/x")
        await api.customer()
        await w.relay()
        async with unit_of_work(api.tenant_id) as uow:
            # c: disabled with 300k pending backlog; a: 100k retry in the future; b: 2000 due
            for ep, n, st, at in ((c,300000,'pending','0 s'),(a,100000,'retry_scheduled','1 day'),(b,60000,'pending','0 s')):
                await uow.session.execute(text("""INSERT INTO deliveries (tenant_id,id,endpoint_id,event_id,event_type,status,body,attempt_count,next_attempt_at,created_at,updated_at)
                SELECT tenant_id, gen_random_uuid(), :ep, event_id, event_type, :st, body, 0, next_attempt_at + cast(cast(:at as text) as interval), created_at, updated_at FROM (SELECT * FROM deliveries LIMIT 1) d, generate_series(1, cast(:n as int))"""), {"ep": UUID(ep["id"]), "n": n, "st": st, "at": at})
        await api.patch(f"/webhook-endpoints/{c['id']}", {"status": "disabled"})
        async with unit_of_work(api.tenant_id) as uow:
            for _ in range(12):
                t=time.perf_counter(); n=len(await claim(uow, settings)); print("claim", n, round((time.perf_counter()-t)*1000,1),"ms")
        t=time.perf_counter(); d = await due_tenants(database, Kind.deliver); print("due", len(d), round((time.perf_counter()-t)*1000,1),"ms")
        t=time.perf_counter(); total=0
        while total<3000: total += await w.deliverer.deliver_batch(api.tenant_id)
        print("delivered/s", total/(time.perf_counter()-t))
        # relay speed
        async with unit_of_work(api.tenant_id) as uow:
            await uow.session.execute(text("""INSERT INTO events (tenant_id,id,type,created_at,object_type,object_id,object_version,data) SELECT tenant_id, gen_random_uuid(), type, created_at, object_type, object_id, object_version, data FROM (SELECT * FROM events LIMIT 1) e, generate_series(1,20000)"""))
        t=time.perf_counter(); n=await w.relay(); print("relayed/s (2 endpoints)", n/(time.perf_counter()-t))
        t=time.perf_counter(); print(await api.post(f"/webhook-endpoints/{a['id']}/replay", {"after": 0, "before": 10001}, expect=202), time.perf_counter()-t)
