"""Which of a client's CDP calls become events, and what of their parameters is told. One table. Pure.

Told are the methods that act: those that change what a page, the browser or a person sees. What merely asks, enables
and listens is told with `record.cdp: "all"` only.

A parameter is told by what it is and by its name: numbers and booleans as they are, texts only where the name says
that they are harmless, everything else by its size. So a new method of Chromium's tells too little, and never a secret.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from schemas.runtime_config import Record

Value = str | int | float | bool
Summary = dict[str, Value]

_ACTING_DOMAINS = ("Input.", "Emulation.", "WebAuthn.", "Autofill.", "DeviceAccess.", "Tethering.")
_ACTING_BY_PURPOSE = {
    "where it goes": """
        Page.navigate Page.navigateToHistoryEntry Page.reload Page.stopLoading Page.close Page.bringToFront
        Page.setDocumentContent Page.resetNavigationHistory Page.crash Page.setWebLifecycleState
        Target.createTarget Target.closeTarget Target.activateTarget
        Target.createBrowserContext Target.disposeBrowserContext
        Browser.close Browser.crash Browser.setWindowBounds Browser.setContentsSize
        """,
    "what runs in it": """
        Runtime.evaluate Runtime.callFunctionOn Runtime.runScript Runtime.terminateExecution Runtime.addBinding
        Debugger.evaluateOnCallFrame Debugger.setScriptSource
        Page.addScriptToEvaluateOnNewDocument Page.removeScriptToEvaluateOnNewDocument Page.setBypassCSP
        """,
    "what it is made of": """
        DOM.setFileInputFiles DOM.focus DOM.setAttributeValue DOM.setAttributesAsText DOM.removeAttribute
        DOM.setNodeName DOM.setNodeValue DOM.setOuterHTML DOM.removeNode DOM.moveTo DOM.copyTo DOM.undo DOM.redo
        DOM.scrollIntoViewIfNeeded CSS.setStyleTexts CSS.setStyleSheetText CSS.addRule
        """,
    "files, dialogs, and what people are asked": """
        Page.handleJavaScriptDialog Page.setDownloadBehavior Page.setInterceptFileChooserDialog
        Browser.setDownloadBehavior Browser.cancelDownload Browser.grantPermissions Browser.setPermission
        Browser.resetPermissions Page.printToPDF Page.captureScreenshot Page.captureSnapshot
        """,
    "what it sends and gets": """
        Network.setCookie Network.setCookies Network.deleteCookies Network.clearBrowserCookies
        Network.clearBrowserCache Network.setCacheDisabled Network.setExtraHTTPHeaders Network.setUserAgentOverride
        Network.setBlockedURLs Network.setBypassServiceWorker Network.emulateNetworkConditions
        Network.emulateNetworkConditionsByRule Network.overrideNetworkState Network.loadNetworkResource
        Fetch.enable Fetch.disable Fetch.fulfillRequest Fetch.failRequest Fetch.continueWithAuth
        Security.setIgnoreCertificateErrors
        """,
    "what it keeps": """
        Storage.setCookies Storage.clearCookies Storage.clearDataForOrigin Storage.clearDataForStorageKey
        DOMStorage.setDOMStorageItem DOMStorage.removeDOMStorageItem DOMStorage.clear IndexedDB.clearObjectStore
        IndexedDB.deleteDatabase IndexedDB.deleteObjectStoreEntries CacheStorage.deleteCache CacheStorage.deleteEntry
        ServiceWorker.unregister ServiceWorker.skipWaiting ServiceWorker.stopWorker
        ServiceWorker.deliverPushMessage
        """,
}
_ACTING = frozenset(name for names in _ACTING_BY_PURPOSE.values() for name in names.split())

# Texts that are told; `…Id`, too. What a URL or a text may hold of secrets `worker.redact` takes out.
_SHOWN = frozenset(
    (
        "acceptLanguage", "action", "behavior", "button", "domain", "errorReason", "format", "locale", "media",
        "method", "name", "origin", "path", "permission", "platform", "pointerType", "referrer", "state", "timezoneId",
        "transitionType", "type", "url", "userAgent", "windowState", "worldName",
    )
)  # fmt: skip
# What a person types, and how: told with `record.inputText` only, but for keys that are no text.
_TYPED = frozenset(
    (
        "text", "unmodifiedText", "key", "code", "keyIdentifier", "windowsVirtualKeyCode", "nativeVirtualKeyCode",
        "promptText",
    )
)  # fmt: skip
_NO_TEXT = frozenset(
    (
        "Alt", "AltGraph", "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Backspace", "CapsLock", "ContextMenu",
        "Control", "Delete", "End", "Enter", "Escape", "Home", "Insert", "Meta", "NumLock", "PageDown", "PageUp",
        "Shift", "Tab", *(f"F{number}" for number in range(1, 13)),
    )
)  # fmt: skip
_A_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}\Z")
_MOST = 32  # parameters

_members = msgspec.json.Decoder(dict[str, Raw])
_texts = msgspec.json.Decoder(str)
_items = msgspec.json.Decoder(list[Raw])
_values = msgspec.json.Decoder(int | float | bool | None)


def is_told(method: str, record: Record) -> bool:
    """Whether calls of a method become events."""
    return record.cdp == "all" or _acts(method)


@lru_cache(maxsize=1024)
def _acts(method: str) -> bool:
    return method in _ACTING or method.startswith(_ACTING_DOMAINS)


def summary(params: Raw, record: Record) -> Summary:
    """What is told of a call's parameters; nothing where they are none."""
    try:
        members = _members.decode(params)
        told: Summary = {}
        computed: Summary = {}  # and named so: a client's own parameter of such a name says nothing else
        for name in filter(_A_NAME.match, list(members)[:_MOST]):
            said, value = _told(name, members[name], record)
            if value is not None:
                (told if said == name else computed)[said] = value
        return told | computed
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _told(name: str, raw: Raw, record: Record) -> tuple[str, Value | None]:
    """What a parameter is told as; None: not at all."""
    size_bytes = memoryview(raw).nbytes
    first = bytes(memoryview(raw)[:1])
    if name in _TYPED and not record.input_text:
        return _typed(name, raw)
    if first == b'"':
        if name in _TYPED or name in _SHOWN or name.endswith("Id"):
            return name, _texts.decode(raw)
        return f"{name}Bytes", size_bytes - 2
    if first == b"[":
        return f"{name}Count", len(_items.decode(raw))
    if first == b"{":
        return f"{name}Bytes", size_bytes
    return name, _values.decode(raw)


def _typed(name: str, raw: Raw) -> tuple[str, Value | None]:
    """How many characters were typed, or which key that types nothing."""
    if name in ("text", "promptText"):
        return f"{name}Chars", len(_texts.decode(raw))
    key: Any = msgspec.json.decode(raw) if name == "key" else None
    return name, key if isinstance(key, str) and key in _NO_TEXT else None
