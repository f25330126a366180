"""The command line and environment of a browser. Pure."""

from __future__ import annotations

from pathlib import Path

from schemas.runtime_config import RuntimeConfig
from worker.chromium import proxy

# One reason a line. Nothing here makes a page behave otherwise than in a user's Chromium.
QUIET = (
    "--headless=new",
    "--disable-gpu",  # servers have none; software rendering either way
    "--disable-quic",  # one protocol less that a proxy or a firewall breaks
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",  # no traffic that the run did not cause
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-field-trial-config",
    "--disable-breakpad",  # its handler outlives the browser
    "--disable-crash-reporter",
    "--disable-hang-monitor",  # a busy page is not a dead one
    "--disable-popup-blocking",  # a popup is recorded, not swallowed
    "--disable-prompt-on-repost",
    "--disable-background-timer-throttling",  # every page of a run is in use
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # The last two: suggestions under an address bar that nobody sees, two pages of Chromium's own; without them a start
    # costs 0.8 s of processor and not 2.1 s, and a browser 60 MB less (Chromium 156).
    "--disable-features=Translate,MediaRouter,OptimizationHints,AcceptCHFrame"
    ",WebUIOmniboxPopup,WebUIOmniboxAimPopup",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
    "--mute-audio",
)

WINDOW = "--window-size=1280,887"  # a page of 1280 × 800 under Chromium's own 87 pixels


# Else Chromium drops the cookies that last for a session, and with them most logins. Tabs are not among what is kept.
KEEPS_SESSION = "--restore-last-session"


def command_line(
    binary: Path,
    directory: Path,
    config: RuntimeConfig,
    *,
    sandbox: bool,
    dev_shm: bool = True,
    keeps_profile: bool = False,
    egress_port: int = 0,
) -> list[str]:
    """The arguments of one browser whose files live in `directory`, and whose egress listens at that port."""
    arguments = [str(binary), "--remote-debugging-pipe", f"--user-data-dir={directory / 'profile'}"]
    arguments += QUIET
    arguments.append(WINDOW)
    if not sandbox:
        arguments.append("--no-sandbox")
    if keeps_profile:
        arguments.append(KEEPS_SESSION)
    if not dev_shm:
        arguments.append("--disable-dev-shm-usage")
    if config.user_agent:
        arguments.append(f"--user-agent={config.user_agent}")
    if config.locale:
        arguments += [f"--lang={config.locale}", f"--accept-lang={config.locale}"]
    return [*arguments, *proxy.arguments(egress_port), "about:blank"]


def environment(directory: Path, config: RuntimeConfig, *, path: str) -> dict[str, str]:
    """All the browser sees of our environment: nothing of ours is passed on."""
    home = directory / "home"
    variables = {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(directory / "tmp"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "LANG": "C.UTF-8",
    }
    if config.locale:
        variables["LANGUAGE"] = config.locale
    if config.timezone:
        variables["TZ"] = config.timezone
    return variables
