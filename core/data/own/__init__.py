"""The user's own data: files opened with care, then read as text, a table or images."""
