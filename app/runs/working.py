"""Works dunning runs off in the background: some customers or messages in one transaction, which says how far it is."""

from dataclasses import dataclass
from uuid import UUID

from app.core.log import get_logger
from app.core.problems import from_database
from app.core.settings import Settings
from app.core.uow import Database
from app.runs import service

log = get_logger(__name__)


@dataclass(slots=True)
class RunWorker:
    """Works off the runs of one process's turn."""

    database: Database
    settings: Settings

    async def run(self, tenant_id: UUID) -> int:
        """Go on with a tenant's oldest run; how much was done."""
        try:
            async with self.database.unit_of_work(tenant_id) as uow:
                return int(await service.go_on(uow, self.settings))
        except Exception as error:
            if from_database(error) is not None:
                # Somebody holds what it needs, or the database is away: both pass.
                log.warning("dunning_run.put_off", tenant_id=str(tenant_id), exc_info=error)
                return 0
            # Whatever it is, it may be one message's alone.
            log.error("dunning_run.batch_failed", tenant_id=str(tenant_id), exc_info=error)
        return await self._alone(tenant_id)

    async def _alone(self, tenant_id: UUID) -> int:
        """Which message fails is found by trying one alone; a run that cannot be planned ends."""
        try:
            async with self.database.unit_of_work(tenant_id) as uow:
                return int(await service.go_on(uow, self.settings, most=1))
        except Exception as error:
            if from_database(error) is not None:
                log.warning("dunning_run.put_off", tenant_id=str(tenant_id), exc_info=error)
                return 0
            # The run goes on without the message, or ends; left alone it would fail again and again.
            log.error("dunning_run.failed", tenant_id=str(tenant_id), exc_info=error)
        async with self.database.unit_of_work(tenant_id) as uow:
            return int(await service.give_up(uow))
