"""What is published, installed as a stranger would, and run from there. Needs pip's network: `make package-test`."""
