"""The helper that reads the README's code blocks is held to account here."""

from __future__ import annotations

from tests.support.fenced_blocks import fenced_blocks

MARKDOWN = """\
# Title

```sh
make run
```

Text with `code` in it.

```python runnable
print("```")
for n in range(2):
    pass
```

~~~
bare
~~~
"""


def test_blocks_are_found_in_order_with_their_lines() -> None:
    blocks = fenced_blocks(MARKDOWN)
    assert [(block.language, block.line) for block in blocks] == [
        ("sh", 4),
        ("python", 10),
        ("", 16),
    ]
    assert blocks[1].info == ("python", "runnable")
    assert blocks[1].text == 'print("```")\nfor n in range(2):\n    pass\n'


def test_blocks_are_chosen_by_language() -> None:
    assert [block.text for block in fenced_blocks(MARKDOWN, "sh")] == ["make run\n"]
