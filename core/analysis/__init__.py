"""Arrays of a trace, or of a record -> what routing did, with what chance would do beside it. No torch."""
