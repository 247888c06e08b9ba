"""What two or more pages draw with: data in, elements out. No I/O."""
