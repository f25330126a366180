"""Pages: where they go, what they look like, what is put into them."""

from __future__ import annotations

from worker.gateway.table.domain import Domain
from worker.gateway.table.rules import (
    composes,
    drags,
    leads_to_a_url,
    reads_files,
    to_our_directory,
)

DOMAINS = (
    Domain(
        name="Page",
        why="this run's own pages",
        passes="""
            addScriptToEvaluateOnLoad addScriptToEvaluateOnNewDocument bringToFront
            captureScreenshot captureSnapshot clearDeviceMetricsOverride
            clearDeviceOrientationOverride clearGeolocationOverride
            createIsolatedWorld deleteCookie disable enable getAppManifest
            getInstallabilityErrors getManifestIcons getAppId getSubApps
            getSiblingSubApps getAdScriptAncestry getFrameTree getLayoutMetrics
            getNavigationHistory resetNavigationHistory getResourceContent
            getResourceTree handleJavaScriptDialog navigateToHistoryEntry printToPDF
            reload removeScriptToEvaluateOnLoad removeScriptToEvaluateOnNewDocument
            screencastFrameAck searchInResource setAdBlockingEnabled setBypassCSP
            getPermissionsPolicyState getOriginTrials setDeviceMetricsOverride
            setDeviceOrientationOverride setFontFamilies setFontSizes
            setDocumentContent setGeolocationOverride setLifecycleEventsEnabled
            setTouchEmulationEnabled startScreencast startScreenRecording
            stopScreenRecording stopLoading close setWebLifecycleState stopScreencast
            produceCompilationCache clearCompilationCache setSPCTransactionMode
            setRPHRegistrationMode generateTestReport waitForDebugger
            setInterceptFileChooserDialog setPrerenderingAllowed
            getAnnotatedPageContent
            """,
        judges={
            "navigate": leads_to_a_url,
            "setDownloadBehavior": to_our_directory,
        },
        refuses={
            "it would take the page from everybody": "crash",
            "V8 runs what it is given there as its own compiled code": "addCompilationCache",
        },
    ),
    Domain(
        name="DOM",
        why="what a page is made of",
        passes="""
            collectClassNamesFromSubtree copyTo describeNode scrollIntoViewIfNeeded
            disable discardSearchResults enable focus getAttributes getBoxModel
            getContentQuads getDocument getFlattenedDocument getNodesForSubtreeByStyle
            getNodeForLocation getOuterHTML getRelayoutBoundary getSearchResults
            hideHighlight highlightNode highlightRect markUndoableState moveTo
            performSearch pushNodeByPathToFrontend pushNodesByBackendIdsToFrontend
            querySelector querySelectorAll getTopLayerElements getElementByRelation
            redo removeAttribute removeNode requestChildNodes requestNode resolveNode
            setAttributeValue setAttributesAsText setNodeStackTracesEnabled
            getNodeStackTraces getDetachedDomNodes setInspectedNode setNodeName
            setNodeValue setOuterHTML undo getFrameOwner getContainerForNode
            getQueryingDescendantsForContainer getAnchorElement forceShowPopover
            getImplicitAnchorCandidates forceShowInterest setTextMarker
            clearTextMarkers
            """,
        judges={
            "setFileInputFiles": reads_files,
        },
        refuses={
            "it tells paths of the host": "getFileInfo",
        },
    ),
    Domain(
        name="Input",
        why="what a person does to a page",
        passes="""
            dispatchKeyEvent insertText dispatchMouseEvent
            dispatchTouchEvent cancelDragging emulateTouchFromMouseEvent
            setIgnoreInputEvents setInterceptDrags synthesizePinchGesture
            synthesizeScrollGesture synthesizeTapGesture
            """,
        judges={
            "dispatchDragEvent": drags,
            "imeSetComposition": composes,
        },
    ),
    Domain(
        name="CSS",
        why="how a page is styled",
        passes="""
            addRule collectClassNames createStyleSheet disable enable forcePseudoState
            forceStartingStyle getBackgroundColors getComputedStyleForNode
            resolveValues getLonghandProperties getInlineStylesForNode
            getAnimatedStylesForNode getMatchedStylesForNode getEnvironmentVariables
            getMediaQueries getPlatformFontsForNode getStyleSheetText getLayersForNode
            getLocationForSelector trackComputedStyleUpdatesForNode
            trackComputedStyleUpdates takeComputedStyleUpdates
            setEffectivePropertyValueForNode setPropertyRulePropertyName
            setKeyframeKey setMediaText setContainerQueryText
            setContainerQueryConditionText setSupportsText setNavigationText
            setScopeText setRuleSelector setStyleSheetText setStyleTexts
            startRuleUsageTracking stopRuleUsageTracking takeCoverageDelta
            setLocalFontsEnabled
            """,
    ),
    Domain(
        name="DOMDebugger",
        why="where a page's script stops",
        passes="""
            getEventListeners removeDOMBreakpoint removeEventListenerBreakpoint
            removeInstrumentationBreakpoint removeXHRBreakpoint setBreakOnCSPViolation
            setDOMBreakpoint setEventListenerBreakpoint setInstrumentationBreakpoint
            setXHRBreakpoint
            """,
    ),
    Domain(
        name="DOMSnapshot",
        why="what a page is made of, at once",
        passes="disable enable getSnapshot captureSnapshot",
    ),
    Domain(
        name="Accessibility",
        why="what a page says to a screen reader",
        passes="""
            disable enable getPartialAXTree getFullAXTree getRootAXNode
            getAXNodeAndAncestors getChildAXNodes queryAXTree
            """,
    ),
    Domain(
        name="Animation",
        why="what moves on a page",
        passes="""
            disable enable getCurrentTime getPlaybackRate releaseAnimations
            resolveAnimation seekAnimations setPaused setPlaybackRate setTiming
            """,
    ),
    Domain(
        name="Overlay",
        why="what is drawn over a page",
        passes="""
            disable enable getHighlightObjectForTest getGridHighlightObjectsForTest
            getSourceOrderHighlightObjectForTest hideHighlight highlightFrame
            highlightNode highlightQuad highlightRect highlightSourceOrder
            setInspectMode setShowAdHighlights setPausedInDebuggerMessage
            setShowDebugBorders setShowFPSCounter setShowGridOverlays
            setShowFlexOverlays setShowScrollSnapOverlays
            setShowContainerQueryOverlays setShowInspectedElementAnchor
            setShowPaintRects setShowLayoutShiftRegions setShowScrollBottleneckRects
            setShowHitTestBorders setShowWebVitals setShowViewportSizeOnResize
            setShowHinge setShowDisplayCutout setShowIsolatedElements
            setShowWindowControlsOverlay
            """,
    ),
    Domain(
        name="LayerTree",
        why="how a page is put together",
        passes="""
            compositingReasons disable enable loadSnapshot makeSnapshot
            profileSnapshot releaseSnapshot replaySnapshot snapshotCommandLog
            """,
    ),
    Domain(
        name="FindInPage",
        why="words on a page",
        passes="findFirst findNext findPrev stop",
    ),
    Domain(
        name="Ads",
        why="what on a page is an ad",
        passes="getAdMetrics getAdScripts",
    ),
    Domain(
        name="Audits",
        why="what is wrong with a page",
        passes="getEncodedResponse disable enable checkFormsIssues",
    ),
    Domain(
        name="Autofill",
        why="forms, filled with what the client says",
        passes="trigger setAddresses disable enable",
    ),
    Domain(
        name="FedCm",
        why="the dialog of a login, in a page",
        passes="enable disable selectAccount clickDialogButton openUrl dismissDialog resetCooldown",
    ),
    Domain(
        name="DigitalCredentials",
        why="a wallet that is made up",
        passes="setVirtualWalletBehavior",
    ),
    Domain(
        name="WebMCP",
        why="tools that a page offers",
        passes="enable disable invokeTool cancelInvocation",
    ),
    Domain(
        name="WebAudio",
        why="sound that a page makes",
        passes="enable disable getRealtimeData",
    ),
    Domain(
        name="Media",
        why="what a page plays",
        passes="enable disable",
    ),
    Domain(
        name="Preload",
        why="what a page loads ahead",
        passes="enable disable",
    ),
    Domain(
        name="HeadlessExperimental",
        why="when a page is drawn",
        passes="beginFrame disable enable",
    ),
)
