"""Asking an LLM, with consent alone: evidence, redaction, prompt, client, validation, budget."""
