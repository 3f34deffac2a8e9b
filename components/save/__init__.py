"""The chart of a card to take away, as SVG or PNG, made in the browser from what is drawn."""
