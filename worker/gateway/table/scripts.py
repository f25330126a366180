"""Scripts of pages: they run in Chromium's own sandbox, whoever wrote them."""

from __future__ import annotations

from worker.gateway.table.domain import Domain
from worker.gateway.table.rules import traces_the_browser

DOMAINS = (
    Domain(
        name="Runtime",
        why="scripts in a page",
        passes="""
            awaitPromise callFunctionOn compileScript disable discardConsoleEntries
            enable evaluate getIsolateId getHeapUsage getProperties
            globalLexicalScopeNames queryObjects releaseObject releaseObjectGroup
            runIfWaitingForDebugger runScript setAsyncCallStackDepth
            setCustomObjectFormatterEnabled setMaxCallStackSizeToCapture
            terminateExecution addBinding removeBinding getExceptionDetails
            """,
    ),
    Domain(
        name="Debugger",
        why="scripts in a page, step by step",
        passes="""
            continueToLocation disable enable evaluateOnCallFrame
            getPossibleBreakpoints getScriptSource disassembleWasmModule
            nextWasmDisassemblyChunk getWasmBytecode getStackTrace pause
            pauseOnAsyncCall removeBreakpoint restartFrame resume searchInContent
            setAsyncCallStackDepth setBlackboxExecutionContexts setBlackboxPatterns
            setBlackboxedRanges setBreakpoint setInstrumentationBreakpoint
            setBreakpointByUrl setBreakpointOnFunctionCall setBreakpointsActive
            setPauseOnExceptions setReturnValue setScriptSource setSkipAllPauses
            setVariableValue stepInto stepOut stepOver
            """,
    ),
    Domain(
        name="EventBreakpoints",
        why="where they stop",
        passes="setInstrumentationBreakpoint removeInstrumentationBreakpoint disable",
    ),
    Domain(
        name="Console",
        why="what they say",
        passes="clearMessages disable enable",
    ),
    Domain(
        name="Log",
        why="what they and the browser say",
        passes="clear disable enable startViolationsReport stopViolationsReport",
    ),
    Domain(
        name="Profiler",
        why="how long they take",
        passes="""
            disable enable getBestEffortCoverage setSamplingInterval start
            startPreciseCoverage stop stopPreciseCoverage takePreciseCoverage
            """,
    ),
    Domain(
        name="HeapProfiler",
        why="what they keep",
        passes="""
            addInspectedHeapObject collectGarbage disable enable getHeapObjectId
            getObjectByHeapObjectId getSamplingProfile startSampling
            startTrackingHeapObjects stopSampling stopTrackingHeapObjects
            takeHeapSnapshot
            """,
    ),
    Domain(
        name="Memory",
        why="how much a page keeps",
        passes="""
            getDOMCounters getDOMCountersForLeakDetection prepareForLeakDetection
            forciblyPurgeJavaScriptMemory setPressureNotificationsSuppressed
            simulatePressureNotification
            """,
        refuses={
            "its samples tell where the browser's libraries are in memory, and their paths": """
                startSampling stopSampling getAllTimeSamplingProfile
                getBrowserSamplingProfile getSamplingProfile
                """,
        },
    ),
    Domain(
        name="Performance",
        why="how fast a page is",
        passes="disable enable setTimeDomain getMetrics",
    ),
    Domain(
        name="PerformanceTimeline",
        why="how fast a page is",
        passes="enable",
    ),
    Domain(
        name="Tracing",
        why="what the browser does, told to the client",
        passes="end getCategories getTrackEventDescriptor recordClockSyncMarker",
        judges={
            "start": traces_the_browser,
        },
        refuses={
            "it tells what the host's processes have in memory": "requestMemoryDump",
        },
    ),
    Domain(
        name="CrashReportContext",
        why="what a page would say of its crash",
        passes="getEntries",
    ),
)
