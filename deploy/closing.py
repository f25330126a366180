"""The last words of a start: where the API is, where the key is, what to paste."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from textwrap import dedent

from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from deploy.data_dir import DEFAULT_DATA
from deploy.screen import Screen
from deploy.stack import ApiKey, Stack

RULE_STYLE = "cyan"


def closing(screen: Screen, stack: Stack, run_id: str | None) -> None:
    """Print it. Nothing that one copies is framed or wrapped."""
    screen.gap()
    _rule(screen, Text("Runreel is up ", style="bold"))
    screen.gap()
    _fact(screen, "API", Text(stack.api_url, style="bold"))
    _fact(screen, "Key", Text(stack.api_key.shown_where))
    _fact(screen, "Logs", Text(str(stack.data.logs)))
    screen.gap()
    screen.line(Text(f"# {_told(run_id)}", style="dim"))
    screen.line(Text(runs_command(stack, run_id), style="green"))
    screen.gap()
    screen.line(Text(f"# {_what(run_id)}", style="dim"))
    screen.line(Text(curl(stack.api_url, stack.api_key, run_id), style="green"))
    screen.gap()
    screen.line(Text(f"# a browser of your own, recorded: paste into {_python()}", style="dim"))
    screen.console.print(_coloured(snippet(stack.api_url, stack.api_key)), soft_wrap=True)
    screen.gap()
    _rule(screen, Text("Ctrl-C stops it ", style="dim"))


def _rule(screen: Screen, title: Text) -> None:
    screen.console.print(Rule(title, align="left", style=RULE_STYLE))


def _fact(screen: Screen, name: str, value: Text) -> None:
    screen.line(Text(f"  {name:<6}", style="dim"), value)


def _told(run_id: str | None) -> str:
    return (
        "the runs, for people"
        if run_id is None
        else "that story again, with all that lies behind it"
    )


def runs_command(stack: Stack, run_id: str | None) -> str:
    """A command line that tells of the run, or lists what runs there are."""
    beside = Path(sys.executable).with_name("runreel")
    words = [_short(beside) if beside.exists() else "runreel", "runs"]
    words += ["list"] if run_id is None else ["show", "--debug"]
    if stack.data.root != DEFAULT_DATA.absolute():
        words += ["--data", str(stack.data.root)]
    return shlex.join(words)


def _what(run_id: str | None) -> str:
    return "the runs there are" if run_id is None else "every event of that run"


def curl(api_url: str, api_key: ApiKey, run_id: str | None) -> str:
    """A command line that reads the run's events, or the list of runs."""
    path = "/v1/runs" if run_id is None else f"/v1/runs/{run_id}/events"
    return f'curl -H "Authorization: Bearer {api_key.in_shell}" {api_url}{path}'


def snippet(api_url: str, api_key: ApiKey) -> str:
    """A Python program that records a browser of one's own; it needs httpx and playwright."""
    return dedent(f"""\
        import httpx, os, pathlib
        from playwright.sync_api import sync_playwright

        key = {_key_in_python(api_key)}
        api = httpx.Client(base_url="{api_url}/v1", timeout=60,
                           headers={{"Authorization": f"Bearer {{key}}"}})
        runtime = api.post("/runtimes", json={{"name": "my first"}}).json()
        run = api.post(f"/runtimes/{{runtime['id']}}/start").json()

        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(run["connectUrl"])
            page = browser.contexts[0].new_page()
            page.goto("data:text/html,<title>Hello</title>")  # or any URL
            page.evaluate("console.log('recorded')")

        api.post(f"/runtimes/{{runtime['id']}}/stop")
        for event in api.get(f"/runs/{{run['runId']}}/events").json()["data"]:
            print(event["time"], event["type"])
        """).rstrip()


def _key_in_python(api_key: ApiKey) -> str:
    if api_key.in_shell == "$RUNREEL_API_KEY":
        return 'os.environ["RUNREEL_API_KEY"]'
    return f"pathlib.Path({str(Path(api_key.file))!r}).read_text().strip()"


def _python() -> str:
    """The Python that has what the snippet imports: this one."""
    return _short(Path(sys.executable))


def _short(program: Path) -> str:
    """A program as short as it can be called from here."""
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _coloured(code: str) -> Text:
    """Python in the terminal's own colours, without background or padding."""
    text = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(code)
    text.rstrip()
    return text
