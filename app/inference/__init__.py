"""One process beside the pages that loads trained runs and answers questions about them."""
