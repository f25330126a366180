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
        for name in list(members)[:_MOST]:
            if _A_NAME.match(name):
                _tell(told, name, members[name], record)
        return told
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _tell(told: Summary, name: str, raw: Raw, record: Record) -> None:
    size_bytes = memoryview(raw).nbytes
    first = bytes(memoryview(raw)[:1])
    if name in _TYPED and not record.input_text:
        _tell_typed(told, name, raw, size_bytes)
    elif first == b'"':
        if name in _TYPED or name in _SHOWN or name.endswith("Id"):
            told[name] = _texts.decode(raw)
        else:
            told[f"{name}Bytes"] = size_bytes - 2
    elif first == b"[":
        told[f"{name}Count"] = len(_items.decode(raw))
    elif first == b"{":
        told[f"{name}Bytes"] = size_bytes
    else:
        _tell_value(told, name, _values.decode(raw))


def _tell_typed(told: Summary, name: str, raw: Raw, size_bytes: int) -> None:
    """How much was typed, or which key that types nothing."""
    if name == "key":
        key: Any = msgspec.json.decode(raw)
        if isinstance(key, str) and key in _NO_TEXT:
            told[name] = key
    elif name in ("text", "promptText"):
        told[f"{name}Bytes"] = size_bytes - 2


def _tell_value(told: Summary, name: str, value: float | bool | None) -> None:
    if value is not None:
        told[name] = value
