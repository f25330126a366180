"""Every figure, in the order of the table. Each is imported only where it is measured or listed."""

from __future__ import annotations

from tests.bench.figure import Figure
from tests.bench.figures import (
    activity_page,
    artifact_content,
    artifact_page,
    clicked_element,
    console_sse,
    event_page,
    fan_out,
    heavy_traffic,
    invocations,
    memory,
    page_load,
    projections,
    rebuild,
    recorder_rate,
    restart,
    round_trip,
    search,
    spooling,
    start,
    stop,
    walls,
    warm,
    worker_rate,
)

FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        start.FIGURE,
        warm.FIGURE,
        stop.FIGURE,
        walls.FIGURE,
        round_trip.FIGURE,
        heavy_traffic.FIGURE,
        page_load.FIGURE,
        clicked_element.FIGURE,
        invocations.FIGURE,
        console_sse.FIGURE,
        fan_out.FIGURE,
        event_page.FIGURE,
        activity_page.FIGURE,
        artifact_page.FIGURE,
        search.FIGURE,
        artifact_content.FIGURE,
        memory.FIGURE,
        worker_rate.FIGURE,
        spooling.FIGURE,
        recorder_rate.FIGURE,
        projections.FIGURE,
        rebuild.FIGURE,
        restart.FIGURE,
    )
}
