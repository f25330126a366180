"""CDP over the browser's pipe: messages, who they belong to, and calls of our own."""
