"""The live page: what run folders hold, in a browser, while studies train (docs/serve.md)."""
