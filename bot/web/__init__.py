"""HTTP around a running bot: the page and the probes that it answers, and the ping it sends."""
