"""Hosted actions of a whole worker: one driver, and for each run that is asked for any, its invocations."""

from __future__ import annotations

from worker.artifacts import Artifacts
from worker.runtime import Runtime
from worker.tools.doing import Place
from worker.tools.driver import Driver
from worker.tools.invocations import Invocations
from worker.tools.laid import Laid
from worker.tools.redacting import Redacting
from worker.tools.session import Session


class Tools:
    """`gateway_url` is where this worker reaches its own gateway, `artifacts` has the files that are uploaded."""

    def __init__(self, gateway_url: str, artifacts: Artifacts) -> None:
        self._gateway_url = gateway_url
        self._artifacts = artifacts
        self._driver = Driver()
        self._redacting = Redacting()
        self._invocations: dict[str, Invocations] = {}

    def of(self, run: Runtime) -> Invocations:
        """Those of that run, which is open."""
        run_id = run.log.run_id
        if run_id not in self._invocations:
            self._invocations[run_id] = invocations = self._new(run, run_id)
            run.parts.insert(0, invocations)
            run.background.include(invocations.background)
        return self._invocations[run_id]

    def find(self, run_id: str) -> Invocations | None:
        """Those of that run, if it was asked for any."""
        return self._invocations.get(run_id)

    async def stop(self) -> None:
        """No run is left."""
        await self._driver.stop()

    def _new(self, run: Runtime, run_id: str) -> Invocations:
        setup = run.browser.setup
        scratch = run.browser.laid
        run.attachments.area.open(scratch)
        laid = Laid(scratch, self._artifacts, setup.sandbox.uid(run.browser.place))

        def new_url() -> str:
            return self._gateway_url + run.attachments.new_path_of_ours(run_id)

        async def on_end() -> None:
            del self._invocations[run_id]
            await laid.remove()

        return Invocations(
            Session(self._driver, new_url, run.targets, scratch=scratch),
            self._driver,
            Place(
                files=run.files,
                targets=run.targets,
                redacting=self._redacting,
                laid=laid,
                wanted=run.attachments.told,
                is_over=lambda: not run.is_open,
            ),
            record=run.conclude,
            busy=run.attachments.busy,
            on_end=on_end,
        )
