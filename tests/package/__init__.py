"""What is built and installed, by the Makefile and from what is published. Needs pip's network: `make package-test`."""
