"""The OpenAPI document: what FastAPI reads from the code, made complete for people and for client generators."""
