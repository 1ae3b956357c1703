"""Other libraries, a file each."""
