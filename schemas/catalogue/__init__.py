"""The contract for readers of other languages: JSON Schemas and an AsyncAPI document, generated from the structs."""
