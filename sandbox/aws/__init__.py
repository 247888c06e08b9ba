"""The sandbox's AWS endpoint: `gateway` is the door, `emulator` what stands behind it."""
