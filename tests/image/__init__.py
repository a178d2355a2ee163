"""The image, built and run for real. Needs a container engine: `make image-test`."""
