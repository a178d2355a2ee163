"""HTTP around a running bot: the probes it answers, and the ping it sends."""
