"""HTTP: parse, call, encode. The only door to Litestar and uvicorn."""
