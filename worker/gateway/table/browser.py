"""The browser as a whole: its targets, its windows, and what it could do to its host."""

from __future__ import annotations

from worker.gateway.table.domain import Domain
from worker.gateway.table.rules import (
    attaches_by_itself_flat,
    attaches_flat,
    closes_client,
    has_no_way_out,
    makes_a_page,
    to_our_directory,
)

DOMAINS = (
    Domain(
        name="Browser",
        why="windows, permissions and downloads of this run's own browser",
        passes="""
            setPermission grantPermissions resetPermissions cancelDownload getVersion
            addMockCamera getWindowBounds getWindowForTarget setWindowBounds
            setContentsSize addPrivacySandboxEnrollmentOverride
            getGlobalPrivacyControl setGlobalPrivacyControl
            """,
        judges={
            "close": closes_client,
            "setDownloadBehavior": to_our_directory,
        },
        refuses={
            "it would end the run for everybody": "crash crashGpuProcess",
            "its counts tell of the host": "getHistograms getHistogram",
            "its flags and paths are the host's": "getBrowserCommandLine",
            "it acts on a desktop of people": "setDockTile executeBrowserCommand",
        },
    ),
    Domain(
        name="Target",
        why="this run's own pages; on their sessions, and on another of the browser, this table applies as well",
        passes="""
            activateTarget attachToBrowserTarget closeTarget getBrowserContexts
            detachFromTarget disposeBrowserContext getTargetInfo getTargets
            autoAttachRelated setDiscoverTargets
            """,
        judges={
            "createTarget": makes_a_page,
            "attachToTarget": attaches_flat,
            "setAutoAttach": attaches_by_itself_flat,
            "createBrowserContext": has_no_way_out,
        },
        refuses={
            "wrapped calls would go past these rules; use flat sessions": "sendMessageToTarget",
            "a page would drive the browser it is in": "exposeDevToolsProtocol",
            "developer tools have powers that no page has": "openDevTools getDevToolsTarget",
            "the browser would call addresses for a client": "setRemoteLocations",
        },
    ),
    Domain(
        name="Extensions",
        why="nothing passes",
        refuses={
            "an extension reads files and reaches what no page does": """
                triggerAction loadUnpacked getExtensions uninstall getStorageItems
                removeStorageItems clearStorageItems setStorageItems
                """,
        },
    ),
    Domain(
        name="PWA",
        why="nothing passes",
        refuses={
            "an app would be installed on the host": """
                getOsAppState install uninstall launch launchFilesInApp
                openCurrentPageInApp changeAppUserSettings
                """,
        },
    ),
    Domain(
        name="Tethering",
        why="nothing passes",
        refuses={
            "it opens ports on the host": "bind unbind",
        },
    ),
    Domain(
        name="Cast",
        why="nothing passes",
        refuses={
            "it looks for devices in the network of the host": """
                enable disable setSinkToUse startDesktopMirroring
                startTabMirroring stopCasting
                """,
        },
    ),
    Domain(
        name="SystemInfo",
        why="nothing passes",
        refuses={
            "it tells of the host": "getInfo getFeatureState getProcessInfo",
        },
    ),
    Domain(
        name="Schema",
        why="the names of domains",
        passes="getDomains",
    ),
    Domain(
        name="Inspector",
        why="that a session goes on or is over",
        passes="disable enable",
    ),
)
