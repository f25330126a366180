"""What pages send, get and keep. Where it may go is for the run's network to say."""

from __future__ import annotations

from worker.gateway.table.domain import Domain
from worker.gateway.table.rules import leads_to_a_url

DOMAINS = (
    Domain(
        name="Network",
        why="requests of this run's pages, and its cookies",
        passes="""
            canClearBrowserCache canClearBrowserCookies canEmulateNetworkConditions
            clearBrowserCache clearBrowserCookies deleteCookies disable
            emulateNetworkConditions emulateNetworkConditionsByRule
            overrideNetworkState enable configureDurableMessages getAllCookies
            getCertificate getCookies getResponseBody getRequestPostData replayXHR
            searchInResponseBody setBlockedURLs setBypassServiceWorker
            setCacheDisabled setCookie setCookies setExtraHTTPHeaders
            setAttachDebugStack setUserAgentOverride streamResourceContent
            getSecurityIsolationStatus enableReportingApi enableDeviceBoundSessions
            deleteDeviceBoundSession fetchSchemefulSite setCookieControls
            """,
        judges={
            "loadNetworkResource": leads_to_a_url,
        },
    ),
    Domain(
        name="Fetch",
        why="requests of this run's pages, stopped and answered",
        passes="""
            disable enable failRequest fulfillRequest continueWithAuth
            continueResponse getResponseBody takeResponseBodyAsStream
            """,
        judges={
            "continueRequest": leads_to_a_url,
        },
    ),
    Domain(
        name="IO",
        why="streams that this client was given",
        passes="close read resolveBlob",
    ),
    Domain(
        name="Security",
        why="certificates that a page may have",
        passes="""
            disable enable setIgnoreCertificateErrors handleCertificateError
            setOverrideCertificateErrors
            """,
    ),
    Domain(
        name="Storage",
        why="what pages of this run keep",
        passes="""
            getStorageKeyForFrame getStorageKey clearDataForOrigin
            clearDataForStorageKey getCookies setCookies clearCookies getUsageAndQuota
            overrideQuotaForOrigin trackCacheStorageForOrigin
            trackCacheStorageForStorageKey trackIndexedDBForOrigin
            trackIndexedDBForStorageKey untrackCacheStorageForOrigin
            untrackCacheStorageForStorageKey untrackIndexedDBForOrigin
            untrackIndexedDBForStorageKey getTrustTokens clearTrustTokens
            getPrivateVerificationTokens getPrivateVerificationTokensIssuerConfigs
            clearPrivateVerificationTokens deletePrivateVerificationToken
            setPrivateVerificationTokensTracking setStorageBucketTracking
            deleteStorageBucket runBounceTrackingMitigations
            """,
    ),
    Domain(
        name="CacheStorage",
        why="what pages of this run keep",
        passes="deleteCache deleteEntry requestCacheNames requestCachedResponse requestEntries",
    ),
    Domain(
        name="DOMStorage",
        why="what pages of this run keep",
        passes="clear disable enable getDOMStorageItems removeDOMStorageItem setDOMStorageItem",
    ),
    Domain(
        name="IndexedDB",
        why="what pages of this run keep",
        passes="""
            clearObjectStore deleteDatabase deleteObjectStoreEntries disable enable
            requestData getMetadata requestDatabase requestDatabaseNames
            """,
    ),
    Domain(
        name="FileSystem",
        why="the files of pages, which are no files of the host",
        passes="getDirectory",
    ),
    Domain(
        name="ServiceWorker",
        why="workers of this run's pages",
        passes="""
            deliverPushMessage disable dispatchSyncEvent dispatchPeriodicSyncEvent
            enable setForceUpdateOnPageLoad skipWaiting startWorker stopAllWorkers
            stopWorker unregister updateRegistration
            """,
    ),
    Domain(
        name="BackgroundService",
        why="what they do without a page",
        passes="startObserving stopObserving setRecording clearEvents",
    ),
)
