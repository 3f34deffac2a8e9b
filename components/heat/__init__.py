"""A heat map of shares: rows x experts, the fair share marked, experts without a token crossed out."""
