"""Layers x experts over the steps of a training, played and scrubbed in the browser from one payload."""
