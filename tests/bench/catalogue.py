"""Every figure, in the order of the table. Each is imported only where it is measured or listed."""

from __future__ import annotations

from tests.bench.figure import Figure
from tests.bench.figures import (
    artifact_content,
    artifact_page,
    console_sse,
    event_page,
    fan_out,
    heavy_traffic,
    invocations,
    memory,
    page_load,
    rebuild,
    recorder_rate,
    restart,
    round_trip,
    spooling,
    start,
    stop,
    warm,
    worker_rate,
)

FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        start.FIGURE,
        warm.FIGURE,
        stop.FIGURE,
        round_trip.FIGURE,
        heavy_traffic.FIGURE,
        page_load.FIGURE,
        invocations.FIGURE,
        console_sse.FIGURE,
        fan_out.FIGURE,
        event_page.FIGURE,
        artifact_page.FIGURE,
        artifact_content.FIGURE,
        memory.FIGURE,
        worker_rate.FIGURE,
        spooling.FIGURE,
        recorder_rate.FIGURE,
        rebuild.FIGURE,
        restart.FIGURE,
    )
}
